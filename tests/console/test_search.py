"""The search box: what people type is understood, and nothing found is an answer."""

import csv
import html
import io
import itertools
import random
import re
from datetime import UTC, datetime, timedelta

import pytest

from cmc_webhook.console import downloads
from cmc_webhook.reading import near, queries
from cmc_webhook.reading.near import alike, near_addresses, with_right_domain
from cmc_webhook.reading.pasted import is_address, searches
from cmc_webhook.reading.statuses import MailStatuses
from tests.support.records import make_record

AT = datetime(2025, 1, 25, tzinfo=UTC)
IDS = ["<x-1@mta>", "<x-1@mta", "x-1@mta"]
MEANT = {
    "Gone@example.jp": {
        "to": ["gone@example.jp"],
        "api_data": ["Gone@example.jp", "GONE@EXAMPLE.JP"],
        "message_id": ["<Gone@example.jp>", "<Gone@example.jp", "Gone@example.jp"],
    },
    " Taro <Gone@example.jp>, ": {
        "to": ["gone@example.jp", "taro <gone@example.jp>,"],
        "message_id": ["<Gone@example.jp>", "<Gone@example.jp", "Gone@example.jp"],
    },
    "@Example.co.jp": {"to_domain": ["example.co.jp"]},
    "*@example.co.jp": {"to_domain": ["example.co.jp"]},
    "＠ｅｘａｍｐｌｅ．ｃｏ．ｊｐ": {"to_domain": ["example.co.jp"]},
    "example.co.jp": {
        "to": ["example.co.jp"],
        "api_data": ["example.co.jp", "EXAMPLE.CO.JP"],
        "to_domain": ["example.co.jp"],
        "message_id": ["<example.co.jp>", "<example.co.jp", "example.co.jp"],
    },
    "CAMPAIGN-7": {
        "to": ["campaign-7"],
        "api_data": ["CAMPAIGN-7"],
        "message_id": ["<CAMPAIGN-7>", "<CAMPAIGN-7", "CAMPAIGN-7"],
    },
    "ｃａｍｐａｉｇｎ－７": {
        "to": ["campaign-7", "ｃａｍｐａｉｇｎ－７"],
        "api_data": ["campaign-7", "ｃａｍｐａｉｇｎ－７", "CAMPAIGN-7"],
        "message_id": [
            *("<campaign-7>", "ｃａｍｐａｉｇｎ－７", "<ｃａｍｐａｉｇｎ－７>"),
            *("<campaign-7", "campaign-7"),
        ],
    },
    "<x-1@mta>": {"to": ["x-1@mta", "<x-1@mta>"], "message_id": IDS},
    "Message-ID: <x-1@mta>": {"to": ["x-1@mta", "message-id: <x-1@mta>"], "message_id": IDS},
    "": {},
    " \u200b": {},
    "@": {},
    "<>": {},
    "x" * 481: {},
    "ﷺ" * 100: {},
}


@pytest.mark.parametrize("text", MEANT)
def test_what_a_text_may_mean(text):
    found = {}
    for field, form, whole in searches(text):
        assert whole
        found.setdefault(field, []).append(form)

    assert found == MEANT[text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@example.jp", True),
        ("Taro <a@example.jp>", True),
        ("a@example", False),
        ("@example.jp", False),
        ("example.jp", False),
        ("a" * 320 + "@example.jp", False),
    ],
)
def test_a_whole_address_is_known(text, expected):
    assert is_address(text) == expected


def test_hostile_texts_mean_little_and_quickly():
    rng = random.Random(18)
    letters = "ab@<>*.:\x00\x07\u202e\ufffd\U0001f600語ﷺß　\"'\\/%&\n"
    for _ in range(2_000):
        text = "".join(rng.choices(letters, k=rng.randint(0, 30)))
        found = searches(text)
        assert len(found) <= 12
        assert all(0 < len(form.encode(errors="replace")) < 1_500 for _, form, _ in found)


SENT = (
    ("sato.taro@gmai.com", "ORDER-1001", "1"),
    ("sato.hanako@docomo.ne.jp", "CAMPAIGN-7", "2"),
    ("saito@docomo.ne.jp", "CAMPAIGN-7-0002", "3"),
    ("order-1001@example.co.jp", "", "4"),
)


@pytest.fixture
def sent(post):
    """Post the mails of SENT; that to sato.hanako bounced."""
    post(
        [
            make_record(
                to=to,
                apiData=own_id,
                messageId=f"<{number}-x@mta.example>",
                subject=to,
                created=f"2025-01-25 14:00:0{number}",
            )
            for to, own_id, number in SENT
        ]
    )
    to, own_id, number = SENT[1]
    bounce = {"to": to, "apiData": own_id, "messageId": f"<{number}-x@mta.example>", "subject": to}
    post(bounces=[make_record(**bounce, status="5", reason="552 5.2.2 <b>full</b>")])


def get(visit, text, **parameters):
    """Return the page that the search box leads to."""
    return visit.get("/mails", query_string={"q": text, **parameters}, follow_redirects=True)


def shown(page):
    """Return the recipients of the list, whose subjects they are."""
    return [found.partition("@")[0] for found in re.findall("<bdi>([^<]+)</bdi></a>", page.text)]


@pytest.mark.parametrize(
    ("text", "heading", "expected"),
    [
        ("sato", "Recipients that begin with “sato”", ["sato.hanako", "sato.taro"]),
        ("ＳＡＴＯ．ｔ", "Recipients that begin with “sato.t”", ["sato.taro"]),
        ("@docomo.ne.jp", "Recipient's domain: docomo.ne.jp", ["sato.hanako", "saito"]),
        ("@docomo", "Recipient's domains that begin with “docomo”", ["sato.hanako", "saito"]),
        ("docomo.ne.jp", "Recipient's domain: docomo.ne.jp", ["sato.hanako", "saito"]),
        ("CAMPAIGN-7", "(your own reference): CAMPAIGN-7", ["sato.hanako"]),
        ("campaign-7", "(your own reference): CAMPAIGN-7", ["sato.hanako"]),
        ("CAMPAIGN-", "that begin with “CAMPAIGN-”", ["sato.hanako", "saito"]),
        ("<3-x@mta.example>", "Message ID: <3-x@mta.example>", ["saito"]),
        ("3-x@mta.example", "Message ID: <3-x@mta.example>", ["saito"]),
        ("3-x@", "Message IDs that begin with “<3-x@”", ["saito"]),
    ],
)
def test_the_box_finds(visit, sent, text, heading, expected):
    page = get(visit, text)

    assert heading in html.unescape(page.text)
    assert shown(page) == expected
    assert f'name="q" id="q" value="{html.escape(text)}"' in page.text


@pytest.mark.parametrize("text", ["Sato.Hanako@docomo.ne.jp", "Hanako <sato.hanako@docomo.ne.jp>"])
def test_a_whole_address_leads_to_its_card(visit, sent, text):
    answer = visit.get("/mails", query_string={"q": text})

    assert answer.location == "/addresses/sato.hanako@docomo.ne.jp"
    assert 'value="sato.hanako@docomo.ne.jp"' in visit.get(answer.location).text


def test_what_else_may_be_meant_is_beside_the_list(visit, sent):
    page = get(visit, "order-1001")

    assert shown(page) == ["sato.taro"]  # the whole own id, before an address that begins so
    others = re.search("Also possible:(.+?)</p>", page.text, re.DOTALL)[1]
    links = [html.unescape(link) for link in re.findall('href="([^"]+)"', others)]
    assert [link.partition("by=")[2] for link in links] == ["to_begins", "api_data_begins"]
    assert shown(visit.get(links[0])) == ["order-1001"]
    assert shown(visit.get(links[1])) == ["sato.taro"]


def test_a_beginning_is_filtered_too(visit, sent):
    assert shown(get(visit, "CAMPAIGN-", by="api_data_begins", status="bounced")) == ["sato.hanako"]
    page = get(visit, "CAMPAIGN-", status="bounced", diagnosis="mailbox_full", **{"class": "soft"})
    assert shown(page) == ["sato.hanako"]
    assert "552 5.2.2 &lt;b&gt;full&lt;/b&gt;" in page.text
    assert shown(get(visit, "sato", since="2025-01-25T14:00:01", until="2025-01-25T14:00:02")) == [
        "sato.taro"
    ]
    page = get(visit, "CAMPAIGN-", status="deferred")
    assert "There are mails for this search, but none of them matches the filters." in page.text


def test_nothing_found_says_where_it_was_searched(visit, sent):
    page = get(visit, "nothing-of-ours")
    text = html.unescape(page.text)

    assert page.status_code == 200
    assert "from that of 2025-01-25 14:00:01 to that of 2025-01-25 14:03:06 (Japan time)" in text
    assert text.count("<li>recipient (") == text.count("<li>X-Api-Data,") == 1
    assert "It cannot find a part in the middle, a name, a subject or the text" in text
    assert "https://smtps.jp/docs/userguide/report/errorlog" in text
    # Without any mail there is no period.
    assert "Documents read: 2." in text


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("sato.taro@gmail.com", "sato.taro@gmai.com"),  # the domain, by the table
        ("satou.taro@gmai.com", "sato.taro@gmai.com"),  # a letter too many
        ("sato.tarp@gmai.com", "sato.taro@gmai.com"),  # another letter
        ("asto.taro@gmai.com", "sato.taro@gmai.com"),  # two first letters swapped
        ("ssato.taro@gmai.com", "sato.taro@gmai.com"),  # a letter doubled
        ("saito@docomo.co.jp", "saito@docomo.ne.jp"),
        ("saito@somewhere-else.example", "saito@docomo.ne.jp"),  # the same local part
        ("saitou", "saito@docomo.ne.jp"),
    ],
)
def test_an_address_without_mail_has_those_like_it(visit, sent, said, found):
    page = get(visit, said)

    near_it = page.text.partition('id="near"')[2].partition("</section>")[0]
    assert f'href="/addresses/{found}"' in near_it


def test_a_domain_that_is_often_misspelt_is_said_so(visit, sent):
    page = visit.get("/addresses/sato.taro@gmai.com")

    assert 'href="/addresses/sato.taro@gmail.com"' in page.text
    assert with_right_domain("a@docomo.co.jp") == "a@docomo.ne.jp"
    assert with_right_domain("a@yahoo.ne.jp") is None  # right for somebody
    assert with_right_domain("gmai.com") is None


def test_the_table_of_domains_fits_one_query():
    assert max(len(wrong) for wrong in near._TYPOS.values()) < near._VALUES_OF_A_QUERY
    assert all(right not in wrong for right, wrong in near._TYPOS.items())
    assert all(len({*wrong}) == len(wrong) for wrong in near._TYPOS.values())


def test_likeness_is_small():
    others = ["sato.taro@gmai.com", "sato-hiro@gmail.com", "kato.taro@gmail.com", "x@gmail.com"]

    assert alike("sato.taro@gmail.com", others) == ["sato.taro@gmai.com", "kato.taro@gmail.com"]
    assert alike("satoo", ["sato@a.jp", "ito@a.jp"]) == ["sato@a.jp"]


def test_a_wrong_first_letter_is_not_found_as_the_page_says(visit, sent):
    text = get(visit, "xato.taro@gmai.com").text

    assert "There are none." in text
    assert "such as a wrong first letter, is not found." in text
    assert "the mail of 2025-01-25 14:00:01 to that of 2025-01-25 14:03:06 (Japan time)" in text


def store(client, number, to, **fields):
    stored = {"to": to, "status": "succeeded", "status_at": AT + timedelta(seconds=number)}
    return client.document("mail_statuses", f"{number:06}"), stored | fields


@pytest.fixture
def fill(client):
    """Store a mail to each of the addresses, in this order."""

    def write(addresses, **fields):
        numbered = [*enumerate(addresses)]
        for start in range(0, len(numbered), 400):
            batch = client.batch()
            for number, to in numbered[start : start + 400]:
                batch.set(*store(client, number, to, **fields))
            batch.commit()

    return write


def test_near_addresses_read_a_bounded_number(client, fill):
    fill([f"sat{number:04}@x.jp" for number in range(700)])
    statuses = MailStatuses(client, "mail_statuses")

    found = near_addresses(statuses, "sat0350@x.jq")

    assert found.addresses[0] == "sat0350@x.jp"
    assert found.documents_read <= near.MOST
    assert not found.is_complete
    assert near_addresses(statuses, "sax@x.jp").is_complete


def test_a_beginning_is_listed_page_by_page(fill, walk):
    fill([f"sato{number % 3}@x.jp" for number in range(120)], subject="x")

    pages = walk("/mails?q=sato&by=to_begins", r'class="to"><a href="/addresses/([^"]+)"')

    assert [len(page) for page in pages] == [50, 50, 20]
    listed = [*itertools.chain(*pages)]
    assert listed == sorted(listed)


def test_a_filtered_beginning_reads_a_bounded_number_and_leads_on(visit, fill, monkeypatch):
    monkeypatch.setattr(queries, "MOST", 100)
    monkeypatch.setattr(queries, "_BATCH", 30)
    fill([f"sato{number:03}@x.jp" for number in range(150)])

    page = visit.get("/mails?q=sato&by=to_begins&status=queued")
    text = html.unescape(page.text)
    assert "None of the mails read so far matches the filters." in text
    assert int(re.search(r"Documents read: (\d+)", text)[1]) <= 100
    older = html.unescape(re.search('href="([^"]+)" rel="next"', page.text)[1])
    last = visit.get(older)
    assert "none of them matches the filters" in html.unescape(last.text)
    assert 'rel="next"' not in last.text


def rows(answer):
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.text.startswith("\ufeff")
    return [*csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))]


def test_what_is_listed_is_one_csv(visit, fill):
    fill([f"+{number}@x.jp" for number in range(130)], subject="=1+1", reason="-2", api_data="C-7")
    for query in ("?status=succeeded", "?q=C-7", "?q=C-&by=api_data_begins&status=succeeded"):
        page = visit.get(f"/mails{query}")
        link = html.unescape(re.search('href="(/mails/export.csv[^"]*)"', page.text)[1])
        found = rows(visit.get(link))
        assert sorted(row["to"] for row in found) == sorted(f"+{n}@x.jp" for n in range(130))
        assert {row["subject"] for row in found} == {"'=1+1"}
        assert {row["reason"] for row in found} == {"'-2"}
    for query in ("status=queued", "q=C-&by=api_data_begins&status=queued"):
        assert rows(visit.get(f"/mails/export.csv?{query}")) == []
    answer = visit.get("/mails/export.csv")
    assert re.search(r"filename=mails_\d{8}-\d{4}_JST.csv", answer.headers["Content-Disposition"])


def test_a_csv_without_a_match_is_none_of_everything(visit, fill):
    fill(["a@x.jp"])

    assert visit.get("/mails/export.csv?q=nothing").status_code == 404


def test_a_csv_ends_and_says_so(visit, fill, monkeypatch):
    monkeypatch.setattr(downloads, "MOST_ROWS", 60)
    monkeypatch.setattr(downloads, "_PAGE", 20)
    fill([f"{number}@x.jp" for number in range(130)])

    found = rows(visit.get("/mails/export.csv"))

    assert len(found) == 61
    assert found[-1]["id"].startswith("CUT: a file ends after 60 mails.")


@pytest.mark.parametrize(
    "text",
    [
        *("<script>alert(1)</script>", "\x00", "a\x00@b.jp", "\ufffe", "\u202eabc", "a\r\nb@c.jp"),
        *("../../x@y.jp", "a/b@x.jp", "//evil.example/@x.jp", "x" * 480, "ß" * 240, "\U0010ffff"),
        *("😀", "' OR 1=1", "%", "__name__", "a@b@c.jp", '"><img src=x>@x.jp', "\x1b[2J"),
    ],
)
def test_hostile_texts_find_nothing_and_are_escaped(visit, sent, text):
    page = get(visit, text)

    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "<img" not in page.text
    assert page.request.host.startswith("127.0.0.1")
