"""The quarantine on the page: what is wrong with entries, and what became of each."""

import html
import itertools
import json
import re

import pytest

from cmc_webhook.console.app import create_app
from cmc_webhook.console.quarantined import MOST, Quarantined
from cmc_webhook.reading.problems import Problem, problem, visible
from cmc_webhook.reading.quarantine import Quarantine
from tests.support.odd_documents import ENTRY, store
from tests.support.records import make_record

HELD = "mail_statuses_quarantine"


@pytest.fixture
def see(visit):
    """Return the text of a page without its tags."""

    def look(path, language="en"):
        text = visit.get(path, headers={"Accept-Language": language}).text
        return " ".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split())

    return look


@pytest.fixture
def held(client):
    """The quarantine of the status function."""
    return Quarantine(client, "mail_statuses")


# List, record; then reason, fields to blame, and the value.
PROBLEMS = [
    ("deliveries", make_record(messageId="<>"), "missing_message_id", "messageId", '"<>"'),
    ("bounces", make_record(to=""), "missing_recipient", "to, envelopeTo", '""'),
    ("deliveries", make_record(created="2026-13-45"), "unreadable_created", "created",
     '"2026-13-45"'),
    ("deliveries", make_record(created="2100-01-01 00:00:00"), "future_created", "created",
     '"2100-01-01 00:00:00"'),
    ("deliveries", make_record(subject=["語"], other={}), "unreadable_field", "subject",
     '["語"]'),
    ("deliveries", make_record(to={"a": 1}, reason=[]), "unreadable_field", "to, reason",
     '{"a": 1}'),
    ("deliveries", "語", "not_an_object", "", '"語"'),
    ("clicks", {"a": 1}, "unknown_list", "", ""),
    ("blocks", {"a": 1}, "not_supported_yet", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("list_name", "record", "why", "fields", "value"), PROBLEMS)
def test_the_field_that_cannot_be_read_is_named(
    function, held, list_name, record, why, fields, value
):
    function.post("/", json={"event": {list_name: [record]}})
    [entry] = held.listing().page(9)

    assert problem(entry) == Problem((why, list_name, fields), value)


def test_a_missing_field_has_no_value(function, held, see):
    record = make_record()
    del record["to"]
    function.post("/", json={"event": {"deliveries": [record]}})
    [entry] = held.listing().page(9)

    assert problem(entry) == Problem(("missing_recipient", "deliveries", "to, envelopeTo"), "")
    assert "(the field is missing)" in see("/quarantine")
    assert "(項目がありません)" in see(f"/quarantine/{entry.id}", "ja")


def test_bytes_that_are_not_utf8_are_found(function, held):
    body = json.dumps({"event": {"deliveries": [make_record(subject="cafe")]}})
    function.post("/", data=body.encode().replace(b"cafe", b"caf\xe9"))
    [entry] = held.listing().page(9)

    assert problem(entry) == Problem(("not_utf8", "deliveries", "subject"), '"caf\ufffd"')


def test_a_value_is_cut_and_what_would_reverse_it_is_escaped(function, held, see):
    record = make_record(subject=["\u202e<b>" + "x" * 5_000])
    function.post("/", json={"event": {"deliveries": [record]}})
    [entry] = held.listing().page(9)
    text = see(f"/quarantine/{entry.id}")

    assert len(problem(entry).value) == 200
    assert '["\\u202e<b>xxx' in text
    assert "\u202e" not in text


def test_what_hides_is_escaped_and_text_is_not():
    assert visible("a\u202eb\x1b[0m\u200b\u2028") == "a\\u202eb\\u001b[0m\\u200b\\u2028"
    assert visible("日本語 \u3000\n\tx") == "日本語 \u3000\n\tx"


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "x" * 70_000, 5])
def test_a_content_that_is_no_record_names_no_field(client, held, see, content):
    store(client, HELD, {"a0": ENTRY | {"content": content}})
    [entry] = held.listing().page(9)

    assert problem(entry).shape == ("missing_recipient", "deliveries", "")
    assert "no usable recipient" in see("/quarantine")


@pytest.fixture
def mixed(post):
    """Seven entries of three reasons; one reason has two shapes."""
    post([make_record(to="", messageId=f"<{number}@example.com>") for number in range(3)])
    post([make_record(subject=["a"]), make_record(subject=["b"]), make_record(apiData={"c": 1})])
    post([make_record(created="x")])


def test_entries_are_grouped_by_reason_and_field(mixed, see):
    english, japanese = see("/quarantine"), see("/quarantine", "ja")

    assert "no usable recipient 3 Without it nobody can tell" in english
    assert "deliveries · field: to, envelopeTo · entries: 3" in english
    assert "a list or object in place of a text 3 CMC may have changed its format." in english
    assert "deliveries · field: subject · entries: 2 · Latest value: [" in english
    assert 'deliveries · field: apiData · entries: 1 · Latest value: {"c": 1}' in english
    assert (
        "宛先アドレスがない 3 宛先アドレスがないと、誰へのメールの通知か分かりません。" in japanese
    )
    assert "deliveries · 項目: subject · 2件 · 最新の値: [" in japanese


def rows(visit, path):
    return re.findall(r'id="q-\w+".*?class="value">(.*?)</td>', visit.get(path).text, re.S)


def test_a_list_is_filtered_by_reason_and_by_field(mixed, visit):
    page = visit.get("/quarantine").text
    links = [html.unescape(each) for each in re.findall(r'href="(/quarantine\?[^"]+)"', page)]
    counts = {link: len(rows(visit, link)) for link in links}

    assert counts["/quarantine?why=unreadable_field"] == 3
    assert counts["/quarantine?why=unreadable_field&list=deliveries&fields=subject"] == 2
    assert counts["/quarantine?why=unreadable_field&list=deliveries&fields=apiData"] == 1
    assert counts["/quarantine?why=missing_recipient"] == 3
    assert len(rows(visit, "/quarantine")) == 7
    assert len(rows(visit, "/quarantine?why=nothing")) == 0


def test_only_the_latest_are_grouped_and_the_page_says_so(client, see, monkeypatch):
    monkeypatch.setattr("cmc_webhook.console.quarantine._GROUPED", 100)
    store(client, HELD, {f"e{number:03}": ENTRY for number in range(130)})

    assert "Of the newest 100. Older data is in the list below." in see("/quarantine")
    assert "entries: 100" in see("/quarantine")
    assert "Documents read: 101." in see("/quarantine")


def test_processing_again_says_what_became_of_each(
    client, function_url, make_visit, post, documents
):
    good, back = (make_record(messageId=f"<{name}@example.com>") for name in ("good", "back"))
    post([make_record(messageId="<known@example.com>")])
    contents = [good, make_record(messageId="<known@example.com>"), back | {"to": ""}]
    found = {f"a{n}": ENTRY | {"content": json.dumps(each)} for n, each in enumerate(contents)}
    store(client, HELD, found | {"a3": ENTRY | {"content": "no JSON"}})
    visit = make_visit(url=function_url)
    form = {"token": visit.application.jinja_env.globals["token"]}
    text = visit.post("/quarantine/replay", data=form, headers={"Accept-Language": "ja"}).text

    assert "3件を再処理しました。保存1件、変更なし1件、再び要確認1件。" in text
    results = re.findall(r'href="/quarantine/(a\d)"><code>.*?<td>.*?</td><td>(.*?)</td>', text)
    assert {name: result.strip() for name, result in results} == {
        "a0": "保存1件",
        "a1": "変更なし1件",
        "a2": "再び要確認1件",
        "a3": "内容がJSONでないため再処理できません: 1件。Firestoreで修正してください。",
    }


def test_what_was_not_accepted_is_said_of_each(client, make_visit):
    store(client, HELD, {"a0": ENTRY})
    visit = make_visit()  # of which the function does not answer
    form = {"token": visit.application.jinja_env.globals["token"]}
    text = visit.post("/quarantine/a0/replay", data=form).text

    assert re.search(r"<td>not accepted \(no answer: [^<]+\)</td>", text)


def test_only_the_chosen_reason_is_processed_again(mixed, make_visit, function_url):
    visit = make_visit(url=function_url)
    page = visit.get("/quarantine?why=missing_recipient").text
    [action] = re.findall(r'<form method="post" action="([^"]+)"', page)
    form = {"token": visit.application.jinja_env.globals["token"]}
    text = visit.post(html.unescape(action), data=form).text

    assert "Process all of this reason again" in page
    assert "Processed 3 again. Stored: 0, unchanged: 0, back in quarantine: 3." in text


def number(page):
    found = re.search(r'class="waiting">([^<]+)</span>', page.partition("</nav>")[0])
    return found and found[1]


def test_the_number_is_in_the_menu_of_every_page(mixed, inbound, visit, documents):
    inbound.post("/", data=b"no mail")

    for path in ("/", "/mails", "/received", "/quarantine", "/quarantine/received"):
        assert number(visit.get(path).text) == "8"
    assert visit.get("/polling/mails").json["quarantined"] == "8"


def test_deleting_counts_again(mixed, visit, token, documents):
    assert number(visit.get("/mails").text) == "7"
    entry_id = next(iter(documents(HELD)))
    path = f"/quarantine/{entry_id}"
    page = visit.post(f"{path}/delete", data={"token": token(path), "sure": "on"}).text

    assert number(page) == "6"


def test_the_number_is_counted_seldom_and_no_further_than_needed(client, held, make_site):
    clock = itertools.count()
    counted = Quarantined([held], 8, lambda: next(clock))
    with create_app(make_site()).test_request_context():
        assert counted.text() == ""
        store(client, HELD, {f"e{number:04}": ENTRY for number in range(MOST + 1)})
        texts = [counted.text() for _ in range(9)]

    assert texts[:4] == [""] * 4
    assert texts[-1] == "1,000+"
