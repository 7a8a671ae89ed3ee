"""The stopped addresses on the page: the list, its CSV, a file that is checked, decisions."""

import csv
import html
import io
import itertools
import logging
import re
from datetime import UTC, datetime, timedelta

import pytest

from cmc_webhook.console import paging, stops
from cmc_webhook.status.addresses import address_id
from tests.support.records import make_post, make_record

ODD = [
    "-stop@example.jp",
    "=stop@example.jp",
    "+stop@example.jp",
    "--a..b@example.jp",
    "'o'brien@example.jp",
    '"a b"@example.jp',
    "a/b?c#d@example.jp",
]


@pytest.fixture
def bounce(function):
    """Post a bounce of each address, so many days ago."""

    def send(*addresses, days=1, code="2", composition="pro", **fields):
        created = f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d %H:%M:%S}"
        records = [
            make_record(to=to, status=code, created=created, messageId=f"<{days}{to}>", **fields)
            for to in addresses
        ]
        answer = function.post("/", json=make_post(bounces=records, composition=composition))
        assert answer.json["received"] == len(records)

    return send


@pytest.fixture
def decided(client):
    """Read what is stored about an address."""

    def read(address):
        return client.document("mail_addresses", address_id(address)).get().to_dict()

    return read


@pytest.fixture
def send(visit):
    """Post a form of the page with its token."""

    def post(path, **fields):
        form = {"token": visit.application.jinja_env.globals["token"], **fields}
        return visit.post(f"/stops/{path}", data=form)

    return post


def listed(page):
    return [html.unescape(a) for a in re.findall(r'class="to">(?:<a [^>]*>)?([^<]+)<', page.text)]


def rows_of(content, encoding="utf-8-sig"):
    return [*csv.reader(io.StringIO(content.decode(encoding), newline=""))]


def test_every_address_is_the_same_in_list_and_csv_and_leads_to_its_card(visit, bounce):
    bounce(*ODD)

    page = visit.get("/stops")
    exported = visit.get("/stops/export.csv")

    assert sorted(listed(page)) == sorted(ODD)
    assert sorted(row[0] for row in rows_of(exported.data)[1:]) == sorted(ODD)
    with visit.get("/stops/export.csv", buffered=False) as streamed:
        assert streamed.is_streamed
    for link in re.findall(r'class="to"><a href="([^"]+)"', page.text):
        card = visit.get(html.unescape(link))
        assert "Do not mail this address" in card.text


@pytest.mark.parametrize("address", ODD)
def test_every_address_is_checked_and_decided_as_it_is(send, visit, bounce, decided, address):
    bounce(address)
    line = io.StringIO()
    csv.writer(line).writerow([address, "髙橋"])
    given = f"mail,name\r\n{line.getvalue()}".encode("cp932")

    answer = send("check", file=(io.BytesIO(given), "名簿.csv"))
    [_, row] = rows_of(answer.data, "cp932")
    moved = send("allow", to=address, sure="on")

    assert row[:4] == [address, "髙橋", "stopped", "permanent errors"]
    assert moved.status_code == 303
    assert "Nothing on record stops mail to this address" in visit.get(moved.location).text
    assert decided(address)["operator"]["decision"] == "allow"


def test_the_list_is_filtered_by_cause_domain_and_the_day_of_the_stop(visit, bounce):
    bounce("old@example.jp", days=20)
    bounce("new@example.jp")
    bounce("other@example.com")
    bounce("doubt@docomo.ne.jp", days=5)
    bounce("doubt@docomo.ne.jp", days=3)

    def found(query):
        return sorted(listed(visit.get(f"/stops?{query}")))

    everything = ["doubt@docomo.ne.jp", "new@example.jp", "old@example.jp", "other@example.com"]
    assert found("") == everything
    assert found("cause=doubtful") == ["doubt@docomo.ne.jp"]
    assert found("domain=EXAMPLE.jp") == ["new@example.jp", "old@example.jp"]
    assert found("domain=example.jp&cause=hard&period=7d") == ["new@example.jp"]
    day = f"{datetime.now(UTC) - timedelta(days=10):%Y-%m-%d}"
    assert found(f"until={day}") == ["old@example.jp"]
    assert found(f"since={day}") == [each for each in everything if each != "old@example.jp"]
    rows = rows_of(visit.get(f"/stops/export.csv?since={day}&domain=example.jp").data)
    assert [row[0] for row in rows[1:]] == ["new@example.jp"]
    for query in ("cause=nonsense", "period=nonsense", "domain=a&domain=b", "after=x"):
        assert visit.get(f"/stops?{query}").status_code == 400


def test_the_list_has_all_in_pages_and_says_what_it_read(visit, walk, bounce, monkeypatch):
    monkeypatch.setattr(paging, "PAGE", 2)
    addresses = [f"u{n}@example.jp" for n in range(5)]
    bounce(*addresses)

    shown = walk("/stops?domain=example.jp", r'class="to"><a [^>]*>([^<]+)<')

    assert [len(each) for each in shown] == [2, 2, 1]
    assert sorted(itertools.chain(*shown)) == addresses
    # Three stops, the third of which is on the next page, and the mails behind two of them.
    assert "Documents read: 5." in visit.get("/stops").text


def test_a_csv_that_is_cut_says_so_and_names_the_command(visit, bounce, monkeypatch):
    monkeypatch.setattr("cmc_webhook.console.downloads._PAGE", 2)
    monkeypatch.setattr("cmc_webhook.console.downloads.MOST_ROWS", 2)
    bounce("a@example.jp", "b@example.jp", "c@example.jp")

    rows = rows_of(visit.get("/stops/export.csv").data)

    assert len(rows) == 4
    assert rows[-1][0].startswith("CUT: ")
    assert rows[-1][0].endswith("python -m cmc_webhook addresses list --csv")


@pytest.mark.parametrize(
    ("language", "never", "none", "no_match"),
    [
        ("en", "no documents of addresses yet", "No address is stopped", "No stopped address"),
        ("ja", "記録はまだありません", "送信対象外のアドレスはありません", "条件に合う送信対象外"),
    ],
)
def test_an_empty_list_says_why(visit, bounce, language, never, none, no_match):
    headers = {"Accept-Language": language}
    page = visit.get("/stops", headers=headers).text
    assert never in page
    assert "python -m cmc_webhook rebuild --addresses" in page
    bounce("soft@example.jp", code="5")  # once is no reason to stop
    assert none in visit.get("/stops", headers=headers).text
    assert no_match in visit.get("/stops?domain=x.jp", headers=headers).text


def test_a_file_comes_back_with_its_bytes_and_the_composition_counts(send, bounce):
    bounce("a@example.jp", code="11")
    given = "メール,氏名\r\na@example.jp,髙橋㈱\r\nb@example.jp,-1\r\n".encode("cp932")

    answers = [
        send("check", file=(io.BytesIO(given), "a.csv"), composition=name) for name in ("", "pro")
    ]

    words = [[row[2] for row in rows_of(answer.data, "cp932")[1:]] for answer in answers]
    assert words == [["may be mailed", "may be mailed"], ["stopped", "may be mailed"]]
    assert answers[0].data.startswith("メール,氏名,may be mailed".encode("cp932"))
    assert answers[0].headers["Content-Disposition"] == "attachment; filename=checked_a.csv"
    assert answers[0].headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'name,mail\n"x,a@x.jp\n', "a quotation mark is not closed"),
        (b"PK\0", "not a text file"),
        (b"name\nx\n", "No column of the file has an address"),
        (b"a@x.jp\n" * 4, "more lines than the page checks (3)"),
    ],
)
def test_a_file_that_cannot_be_checked_gets_one_sentence(send, monkeypatch, caplog, content, says):
    monkeypatch.setattr(stops, "_MOST_CHECKED", 3)
    caplog.set_level(logging.DEBUG)

    answer = send("check", file=(io.BytesIO(content), "secret-name.csv"))

    assert answer.status_code == 400
    assert says in html.unescape(answer.text)
    assert "x.jp" not in caplog.text
    assert "secret-name" not in caplog.text
    assert send("check").status_code == 400


def test_a_file_is_not_taken_from_another_site(visit):
    data = {"token": "x", "file": (io.BytesIO(b"a@x.jp\n"), "a.csv")}
    assert visit.post("/stops/check", data=data).status_code == 403


def test_a_file_may_be_larger_than_other_forms(send):
    given = b"mail\n" + b"".join(b"u%d@example.jp\n" % n for n in range(2_000))

    answer = send("check", file=(io.BytesIO(given), "a.csv"))

    assert len(given) > 20_000
    assert answer.data.count(b",may be mailed,,\n") == 2_000


def test_a_large_file_is_refused_before_it_is_read(visit, send):
    body = b"a" * (stops.LARGEST_FILE + 20_000)
    answer = visit.post("/stops/check", data=body, content_type="multipart/form-data; boundary=b")

    assert answer.status_code == 413
    assert "python -m cmc_webhook addresses check" in answer.text
    assert send("block", to="a@x.jp", note="x" * 20_000).status_code == 413


def test_the_card_shows_the_evidence_and_what_cmc_needs(visit, bounce, function):
    bounce("a@example.jp", days=2, reason="550 <b>no</b>")
    bounce("a@example.jp", code="11")
    created = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    later = make_record(to="a@example.jp", status="succeeded", created=created, messageId="<l@x>")
    function.post("/", json=make_post([later]))

    page = visit.get("/addresses/a@example.jp").text
    section = page.partition('id="mailing"')[2].partition("</section>")[0]

    assert "550 &lt;b&gt;no&lt;/b&gt;" in section
    assert "A later mail was accepted" in section
    assert "lift the block in CMC as well" in section
    assert "Do it only if the recipient asked for it" in section
    assert section.count("<form") == 2


def test_a_decision_is_stored_with_its_note(send, visit, bounce, decided):
    bounce("a@example.jp")

    assert send("allow", to="a@example.jp").status_code == 403  # without the tick
    assert "operator" not in decided("a@example.jp")
    send("allow", to="a@example.jp", sure="on", note=" by\nphone ")
    assert "stop_until" not in decided("a@example.jp")
    assert decided("a@example.jp")["operator"]["note"] == "by phone"
    send("block", to="A@example.jp", note="")
    assert decided("a@example.jp")["stop_cause"] == "operator"
    card = visit.get("/addresses/a@example.jp").text
    assert "An operator stopped this address" in card
    assert "/stops/block" not in card
    assert listed(visit.get("/stops?cause=operator")) == ["a@example.jp"]
    assert send("block", to="yamada").status_code == 400


def test_a_bounce_that_comes_meanwhile_is_not_lost(
    client, bounce, faulty, make_visit, decided, monkeypatch
):
    bounce("a@example.jp", days=2)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", faulty.address)
    visit, commits = make_visit(emulator=faulty.address), []

    def plan(rpc):
        if rpc == "Commit":
            commits.append(rpc)
            if len(commits) == 1:
                bounce("a@example.jp", days=1)

    faulty.plan = plan
    form = {"token": visit.application.jinja_env.globals["token"], "to": "a@example.jp"}
    assert visit.post("/stops/block", data=form).status_code == 303

    assert len(commits) == 2
    assert len(decided("a@example.jp")["facts"]) == 2


def test_a_document_that_somebody_edited_is_not_overwritten(send, client, bounce):
    bounce("a@example.jp")
    document = client.document("mail_addresses", address_id("a@example.jp"))
    document.update({"facts": "x"})

    answer = send("block", to="a@example.jp")

    assert answer.status_code == 409
    assert "was edited and cannot be read" in answer.text
    assert document.get().to_dict()["facts"] == "x"


def test_a_page_that_may_change_nothing_has_no_buttons_and_still_checks(
    make_visit, bounce, decided
):
    bounce("a@example.jp")
    visit = make_visit(may_change=False)
    token = visit.application.jinja_env.globals["token"]

    card = visit.get("/addresses/a@example.jp").text
    assert 'method="post"' not in card
    assert "What bounces said" in card
    for decision in ("allow", "block"):
        form = {"token": token, "to": "a@example.jp", "sure": "on"}
        assert visit.post(f"/stops/{decision}", data=form).status_code == 403
    assert "operator" not in decided("a@example.jp")
    file = (io.BytesIO(b"a@example.jp\n"), "a.csv")
    answer = visit.post("/stops/check", data={"token": token, "file": file})
    assert answer.data == b"a@example.jp,stopped,permanent errors," + answer.data[38:]


def test_in_a_browser_a_file_is_checked_and_an_address_allowed(reader, bounce, tmp_path, decided):
    bounce("-a@example.jp")
    given = tmp_path / "customers.csv"
    given.write_bytes("mail,氏名\r\n-a@example.jp,髙橋\r\n".encode("cp932"))
    reader.goto("/")
    reader.get_by_role("link", name="Stopped addresses").click()
    reader.get_by_label("CSV file").set_input_files(given)
    with reader.expect_download() as download:
        reader.get_by_role("button", name="Check").click()
    reader.get_by_role("link", name="-a@example.jp", exact=True).click()
    reader.get_by_text("Mail this address again …").click()
    reader.get_by_label("I have read").check()
    reader.get_by_role("button", name="Mail this address again").click()
    reader.get_by_text("An operator allowed this address").wait_for()

    assert download.value.suggested_filename == "checked_customers.csv"
    answer = download.value.path().read_bytes()
    assert answer.startswith("mail,氏名,may be mailed,reason,until\r\n".encode("cp932"))
    assert b"\r\n-a@example.jp," in answer
    assert "stop_until" not in decided("-a@example.jp")


def test_in_a_browser_a_file_that_is_too_large_gets_the_sentence(browser, page_url, tmp_path):
    reader = browser.new_page(locale="en-US", base_url=page_url)
    given = tmp_path / "large.csv"
    given.write_bytes(b"a@example.jp\n" * 1_000_000)
    reader.goto("/stops")
    reader.get_by_label("CSV file").set_input_files(given)
    reader.get_by_role("button", name="Check").click()
    reader.get_by_text("This is larger than the page takes").wait_for()
    reader.close()
