"""The answers of the page over HTTP: errors, languages, links, filters."""

import gc
import html
import itertools
import json
import re
import shlex
import warnings

import pytest
from google.api_core.exceptions import FailedPrecondition

from cmc_webhook.simulator.posting import bearer
from tests.support.mails import cmc_json
from tests.support.processes import free_port
from tests.support.records import make_record

HOSTILE = [
    "/mails?status=nonsense",
    "/mails?cause=nonsense",
    "/mails?period=nonsense",
    "/mails?since=nonsense",
    "/mails?since=0001-01-01",
    "/mails?until=9999-12-31T23:59",
    "/mails?after=nonsense",
    "/mails?after=0001-01-01T00:00:00%2B14:00/x",
    "/mails?after=2025-01-25T00:00:00%2B00:00/..",
    "/mails?after=2025-01-25T00:00:00%2B00:00/a/b",
    "/quarantine?after=nonsense",
    "/received?after=2025-01-25T00:00:00%2B00:00/..",
    f"/mails?q={'x' * 481}",
    f"/mails?q={'%EF%B7%BA' * 100}",  # one letter that is eighteen ordinary ones
    "/mails?q=@",
    "/mails?class=nonsense",
    "/mails?diagnosis=nonsense",
    "/?period=all",
    "/?period=own",
    "/?since=2025-01-26&until=2025-01-25",
    f"/statistics?day=2025-01-25&subject={'x' * 1501}",
    "/language/fr?to=/",
    "/language/ja?to=https://example.com/",
    "/language/ja?to=//example.com/",
    "/language/ja?to=/%5Cexample.com/",
    "/language/ja?to=/%0d%0aSet-Cookie:x",
]
PATH_TRICKS = [
    "/mails/..",
    "/mails/%2e%2e",
    "/mails/..%2f..%2fmain.py",
    "/mails/__x__",
    "/mails/a%2Fb",
    "/mails/%00",
    f"/mails/{'x' * 1501}",
    "/static/../app.py",
    "/static/..%2fapp.py",
    "/static/%2e%2e/%2e%2e/settings.py",
    "/quarantine/..",
    "/received/../quarantine/x",
    "/received/one/html",
    "/received/one/html/..",
    "/received/one/attachments/1",
    "/received/../attachments/1",
    "/polling/mails/..%2fx",
    "/polling/nonsense",
]


@pytest.mark.parametrize("address", HOSTILE)
def test_a_parameter_that_cannot_be_used_is_refused(visit, address):
    answer = visit.get(address)

    assert answer.status_code == 400
    assert "Traceback" not in answer.text
    assert "Location" not in answer.headers


def test_a_refused_parameter_is_named_as_in_the_form(visit):
    text = visit.get("/mails?until=nonsense", headers={"Accept-Language": "ja"}).text

    assert "指定された値が正しくありません: 終了日時(この時刻は含まない)" in text


@pytest.mark.parametrize("path", PATH_TRICKS)
def test_a_trick_in_the_path_finds_nothing(visit, path):
    answer = visit.get(path)

    assert answer.status_code == 404
    assert "Traceback" not in answer.text
    assert "Documents read" not in answer.text  # a lookup would cost a read


@pytest.mark.parametrize("path", ["/mails?q=%ff%fe", "/mails?q=%00", "/mails?x=y", "/mails?q="])
def test_odd_bytes_find_nothing_and_harm_nothing(visit, path):
    assert visit.get(path).status_code == 200


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1.example.com", "127.0.0.1:1", ""])
@pytest.mark.parametrize("path", ["/", "/polling/mails", "/static/page.js"])
def test_another_host_is_refused(visit, host, path):
    answer = visit.get(path, headers={"Host": host})

    assert answer.status_code == 421


@pytest.mark.parametrize("path", ["/quarantine/replay", "/quarantine/x/replay", "/mails"])
@pytest.mark.parametrize("given", [{}, {"token": ""}, {"token": "wrong"}, {"token": "語"}])
def test_a_form_of_another_site_is_refused(visit, path, given):
    answer = visit.post(path, data={"sure": "on", **given})

    assert answer.status_code == 403
    assert "Reload" in answer.text


def test_deleting_needs_the_tick(visit, post, token, documents):
    post([make_record(messageId="")])
    [entry_id] = documents("mail_statuses_quarantine")
    path = f"/quarantine/{entry_id}"
    form = {"token": token(path)}

    assert visit.post(f"{path}/delete", data=form).status_code == 403
    assert visit.post(f"{path}/delete", data={**form, "sure": "on"}).status_code == 200
    assert documents("mail_statuses_quarantine") == {}


def test_nothing_is_changed_unless_it_is_allowed(make_visit, post, documents):
    post([make_record(messageId="")])
    [entry_id] = documents("mail_statuses_quarantine")
    visit = make_visit(may_change=False)
    token = visit.application.jinja_env.globals["token"]

    assert 'method="post"' not in visit.get(f"/quarantine/{entry_id}").text
    for path in ("replay", f"{entry_id}/replay", f"{entry_id}/delete"):
        answer = visit.post(f"/quarantine/{path}", data={"token": token, "sure": "on"})
        assert answer.status_code == 403
    assert entry_id in documents("mail_statuses_quarantine")


def test_all_that_is_in_quarantine_is_posted_with_the_credential(
    make_function, make_visit, serve_app, documents
):
    function = make_function(CMC_API_KEYS="key")
    headers = {"Authorization": "Bearer key"}
    body = {"event": {"deliveries": [make_record(messageId=""), make_record(to="")]}}
    function.post("/", json=body, headers=headers)
    url = serve_app(function.application)
    answers = []
    for credential in (bearer("key"), bearer("wrong")):
        visit = make_visit(url=url, credential=credential)
        form = {"token": visit.application.jinja_env.globals["token"]}
        answers.append(visit.post("/quarantine/replay", data=form).text)

    assert "Processed 2 again. Stored: 0, unchanged: 0, back in quarantine: 2." in answers[0]
    assert "Processed 2 again. Stored: 0, unchanged: 0, back in quarantine: 0." in answers[1]
    assert "Not accepted: 401 × 2." in answers[1]
    assert len(documents("mail_statuses_quarantine")) == 2


def test_the_quarantine_is_listed_and_posted_again_page_by_page(
    function, post, make_visit, serve_app, walk, client
):
    post([make_record(messageId="", subject=f"Mail {number}") for number in range(110)])
    pages = walk("/quarantine", r'id="q-(\w{64})"')
    assert [len(page) for page in pages] == [50, 50, 10]
    assert len({*itertools.chain(*pages)}) == 110

    entries = client.collection("mail_statuses_quarantine")
    entries.document(pages[2][0]).update({"content": "{"})
    entries.document(pages[0][0]).update({"truncated": True})
    visit = make_visit(url=serve_app(function.application))
    form = {"token": visit.application.jinja_env.globals["token"]}
    text = visit.post("/quarantine/replay", data=form).text
    assert "Processed 108 again. Stored: 0, unchanged: 0, back in quarantine: 108." in text
    assert "Not processed because the data was cut when it was stored: 1." in text
    assert "Not processed because the content is not JSON: 1." in text
    assert "Documents read: 221." in text


def test_the_result_of_a_form_links_to_the_list(visit, post, token, documents):
    post([make_record(messageId="")])
    [entry_id] = documents("mail_statuses_quarantine")
    path = f"/quarantine/{entry_id}"
    form = {"token": token(path), "sure": "on"}
    text = visit.post(f"{path}/delete", data=form).text

    assert 'data-here="/quarantine"' in text
    assert 'href="/language/ja?to=/quarantine"' in text


def test_every_answer_forbids_what_is_not_of_this_page(visit):
    for path in ("/", "/mails", "/nothing", "/polling/mails", "/static/page.js"):
        with visit.get(path) as answer:
            policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'")
    text = visit.get("/").text
    assert "<script>" not in text
    assert " style=" not in text


def test_without_an_answer_of_firestore_the_page_says_so_and_tries_again(make_visit):
    visit = make_visit(emulator=f"127.0.0.1:{free_port()}")
    answer = visit.get("/mails", headers={"Accept-Language": "ja"})

    assert answer.status_code == 503
    assert "Firestoreに接続できません" in answer.text
    assert 'http-equiv="refresh"' in answer.text
    with visit.get("/static/page.css") as style:
        assert style.status_code == 200


def test_a_file_is_closed_though_the_reader_hangs_up(visit):
    """Werkzeug's server then drops the answer without closing it."""
    with warnings.catch_warnings(record=True, action="always") as left_open:
        visit.get("/static/icon.svg", buffered=False)
        gc.collect()

    assert [str(warning.message) for warning in left_open] == []


def test_an_internal_error_is_one_sentence_without_a_stack_trace(visit):
    visit.application.view_functions["mails.mail"] = lambda document_id: 1 // 0
    visit.application.config["PROPAGATE_EXCEPTIONS"] = False
    answer = visit.get("/mails/odd")

    assert answer.status_code == 500
    assert "the terminal where the page was started" in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("path", ["/", "/mails"])
def test_the_sample_of_an_empty_page_shows_up_on_it(make_visit, function, path):
    visit = make_visit(url="http://localhost:8080")
    sample = html.unescape(re.search("<pre>(.+?)</pre>", visit.get(path).text, re.DOTALL)[1])
    command, url, option, event = shlex.split(sample)[:4]
    assert (command, url, option) == ("curl", "http://localhost:8080", "--data-urlencode")

    assert function.post("/", data=dict([event.split("=", 1)])).json["stored"] == 1
    for shown in ("/", "/mails"):
        assert '<p class="empty">' not in visit.get(shown).text
    assert ">1</strong>" in visit.get("/").text


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "No mails in this period. The newest is from 2025-01-25 14:03:06."),
        ("ja", "この期間のメールはありません。最新は2025-01-25 14:03:06です。"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/", "/?period=7d&composition=pro", "/mails?period=24h", "/mails?since=2025-01-26"]
)
def test_a_period_without_mails_leads_to_the_newest(visit, post, path, language, sentence):
    post([make_record(created="2025-01-25 14:03:06")])
    headers = {"Accept-Language": language}
    text = visit.get(path, headers=headers).text
    link = re.search('<p class="empty">.+<a href="([^"]+)">', text)[1]
    newest = visit.get(html.unescape(link), headers=headers).text

    assert sentence in text
    assert re.search(r'id="reads" data-refreshed>\D+1\D', text)
    assert "curl" not in text
    assert '<p class="empty">' not in newest
    assert ">1</strong>" in newest or "件名" in newest


@pytest.mark.parametrize("path", ["/?composition=other", "/mails?cause=other"])
def test_empty_is_said_only_where_there_is_nothing(visit, post, path):
    assert "Nothing has been received yet." in visit.get(path).text
    post([make_record(created="2025-01-25 14:03:06")])
    text = visit.get(path).text

    assert "No mails match." in text
    assert "curl" not in text


def test_a_forward_error_is_not_shown_as_a_mail_that_was_not_delivered(visit, post, documents):
    post(bounces=[make_record(status="6")])
    [document_id] = documents()

    shown = re.findall('<span class="([^"]+)">Forward error</span>', visit.get("/mails").text)
    assert shown == ["badge bounced"]
    text = visit.get(f"/mails/{document_id}").text
    assert text.count(">Forward error</span>") == 2  # above and in the history
    assert "Bounced" not in text
    assert "not delivered" not in text


def test_an_unknown_code_is_shown_as_cmc_reported_it(visit, post, documents):
    post(bounces=[make_record(status="77"), make_record(status="2", to="b@example.jp")])
    texts = [
        visit.get(f"/mails/{name}", headers={"Accept-Language": "ja"}).text for name in documents()
    ]

    shown = {re.search("<strong>(.+?)</strong>", text)[1] for text in texts}
    assert shown == {"未対応のコード(77)", "ユーザ不明(コード2)"}


@pytest.mark.parametrize(
    ("languages", "expected"), [("ja,en", "ja"), ("en", "en"), ("fr", "en"), ("ja-JP", "ja")]
)
def test_the_language_is_the_browsers(visit, languages, expected):
    text = visit.get("/", headers={"Accept-Language": languages}).text

    assert f'<html lang="{expected}">' in text


def test_times_are_in_the_zone(make_site, visit, post):
    post([make_record(created="2025-01-25 14:03:06")])

    assert "2025-01-25 14:03:06" in visit.get("/mails").text
    listed = visit.get("/mails?since=2025-01-25T14:03:06&until=2025-01-25T14:03:07").text
    assert "件名" in listed
    assert re.findall(r'name="(since|until)" value="([^"]*)"', listed) == [
        ("since", "2025-01-25T14:03:06"),
        ("until", "2025-01-25T14:03:07"),
    ]
    assert "件名" not in visit.get("/mails?since=2025-01-25T14:03:07").text


def test_the_page_says_what_it_read(visit, post):
    post([make_record(messageId=f"<{number}@example.com>") for number in range(60)])

    assert "Documents read: 51." in visit.get("/mails").text
    assert "Count queries: 1." in visit.get("/").text


def test_a_change_is_seen_by_one_read(visit, post, documents, inbound):
    lists = ["mails", "quarantine", "received", "received_quarantine"]
    addresses = [f"/polling/{name}" for name in lists]
    before = [json.loads(visit.get(address).text) for address in addresses]
    post([make_record(), make_record(messageId="")])
    inbound.post("/", data=cmc_json())
    inbound.post("/", data=b"no mail")
    after = [json.loads(visit.get(address).text) for address in addresses]

    assert [answer["latest"] for answer in before] == [[], [], [], []]
    assert [len(answer["latest"]) for answer in after] == [1, 1, 1, 1]
    [document_id] = documents()
    first = visit.get(f"/polling/mails/{document_id}").text
    post([make_record(messageId="<other@example.com>")])
    assert visit.get(f"/polling/mails/{document_id}").text == first
    post([make_record(status="succeeded")])
    assert visit.get(f"/polling/mails/{document_id}").text != first


def test_every_filter_finds_its_mail(visit, post):
    post([make_record(messageId="<other@example.com>", to="other@example.net", subject="other")])
    post(
        bounces=[
            make_record(status="2", apiData="order-1", to="A@example.jp", subject="wanted mail")
        ]
    )
    for chosen in (
        *("status=bounced", "q=a@EXAMPLE.jp&by=to", "q=@example.JP", "q=order-1", "class=hard"),
        *("q=<mail@example.com>", "q=mail@example.com", "cause=unknown_user"),
        "status=bounced&status=failed&q=a@example.jp&by=to&cause=unknown_user&composition=pro",
        "status=bounced&q=a@&by=to_begins&cause=unknown_user&composition=pro&since=2025-01-01",
    ):
        text = visit.get(f"/mails?{chosen}").text
        assert re.findall("<bdi>([^<]+)</bdi></a>", text) == ["wanted mail"]


def test_the_part_of_the_page_is_marked(visit, post, documents):
    post([make_record()])
    [document_id] = documents()

    for path, marked in (
        *(("/", "/"), ("/mails", "/mails"), (f"/mails/{document_id}", "/mails")),
        *(("/received", "/received"), ("/quarantine/received", "/quarantine")),
    ):
        nav = visit.get(path).text.partition("</nav>")[0]
        assert re.findall(r'href="([^"]+)" aria-current', nav) == [marked]


def test_a_mail_of_a_real_project_links_to_googles_console(make_visit, post, documents):
    post([make_record()])
    [document_id] = documents()
    text = html.unescape(make_visit(emulator="").get(f"/mails/{document_id}").text)

    assert "https://console.cloud.google.com/firestore/databases/-default-/data/panel/" in text


def test_a_missing_index_is_shown_with_the_link_that_creates_it(visit):
    link = "https://console.firebase.google.com/v1/r/project/p/firestore/indexes?create=x"

    def fail():
        raise FailedPrecondition(f"The query requires an index. You can create it here: {link}")

    visit.application.add_url_rule("/fail", view_func=fail)
    answer = visit.get("/fail")

    assert answer.status_code == 502
    assert "index for this query" in answer.text
    assert f'href="{link}"' in html.unescape(answer.text)


def test_a_real_project_is_asked_less_often(make_visit, post):
    post([make_record(messageId=f"<{number}@example.com>") for number in range(10)])

    assert 'data-refresh="2"' in make_visit().get("/mails").text
    assert 'data-refresh="15"' in make_visit(emulator="").get("/mails").text


@pytest.mark.parametrize(
    ("created", "says"), [("2025-01-26 09:00:00", True), ("2025-01-25 14:03:05", False)]
)
def test_a_mail_says_that_something_later_succeeded(visit, post, documents, created, says):
    bounce = make_record(status="2", created="2025-01-25 14:03:06")
    post([make_record(status="succeeded", created=created)], [bounce])
    [name] = documents()

    sentence = f"Later, at {created}, the receiving server accepted a mail with the same message ID"
    assert (sentence in visit.get(f"/mails/{name}").text) == says


@pytest.mark.parametrize(
    ("path", "language", "sentence", "back"),
    [
        ("/mails/gone", "en", "Its retention time may be over", "/mails"),
        ("/mails/gone", "ja", "このメールの記録はありません。保存期間を過ぎた", "/mails"),
        ("/received/gone", "ja", "この受信メールはありません。", "/received"),
        ("/quarantine/gone", "en", "This data is not in quarantine.", "/quarantine"),
        ("/quarantine/received/gone", "ja", "このデータはありません。", "/quarantine/received"),
    ],
)
def test_a_document_that_is_gone_is_said_and_leads_back(visit, path, language, sentence, back):
    answer = visit.get(path, headers={"Accept-Language": language})
    main = answer.text.partition("<main")[2]

    assert answer.status_code == 404
    assert sentence in main
    assert f'<a href="{back}">' in main


@pytest.mark.parametrize("path", ["/", "/mails", "/mails/gone", "/nothing"])
@pytest.mark.parametrize(
    ("language", "local", "real"),
    [
        ("en", "Local, for testing", "Real data on Google Cloud"),
        ("ja", "ローカル(テスト用)", "Google Cloudの実データ"),
    ],
)
def test_every_page_says_whose_data_it_shows(make_visit, client, path, language, local, real):
    headers = {"Accept-Language": language}
    texts = [
        make_visit(**changes).get(path, headers=headers).text.partition("</header>")[0]
        for changes in ({}, {"emulator": ""})
    ]

    for text, kind, word, other in zip(
        texts, ("local", "real"), (local, real), (real, local), strict=True
    ):
        assert f'<body class="{kind}"' in text
        assert f"<b>{word}</b> {client.project}</p>" in text
        assert other not in text
