"""How a mailing went: every number is compared with a count of what was sent."""

import csv
import html
import io
import json
import re
from datetime import datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from cmc_webhook.command_line.main import main
from cmc_webhook.reading.campaigns import fold
from cmc_webhook.reading.counts import Numbers, threshold
from cmc_webhook.reading.table import width
from cmc_webhook.status.diagnosis import DOMAINS, Receiver
from tests.support.mailings import DAYS, SERVICES, SUBJECTS, mails, numbers, posts
from tests.support.records import make_record

DAY = DAYS[1]
NAMES = {"docomo": "docomo", "au": "au", "softbank": "SoftBank", "gmail": "Gmail", "": "Others"}


@pytest.fixture
def sent(post):
    """The mails, after all their events were posted in any order."""
    deliveries, bounces = posts(mails())
    for start in range(0, len(deliveries), 100):
        post(deliveries[start : start + 100])
    for start in range(0, len(bounces), 100):
        post(bounces=bounces[start : start + 100])
    return mails()


def table(visit, **chosen):
    """Return the numbers of the CSV by the kind and the name of their part."""
    text = visit.get(f"/statistics/numbers.csv?{urlencode(chosen, doseq=True)}").text
    head, *rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert head[2:4] == ["Queued", "Succeeded"]
    return {tuple(row[:2]): row[2:] for row in rows}


def some(found):
    """Return the rows of *found* that count any mail."""
    return {part: row for part, row in found.items() if row[0] != "0"}


def by(sent, name, key):
    """Return the expected rows of one kind of part."""
    labels = {key(mail) for mail in sent}
    return {(name, each): numbers([m for m in sent if key(m) == each]) for each in labels}


def test_the_days_are_those_of_queueing_in_japan(visit, sent):
    found = table(visit, day=DAYS)

    assert found == {
        ("All", "Total"): numbers(sent),
        **by(sent, "Day of queueing", lambda mail: mail.day),
    }


@pytest.mark.parametrize("subject", [None, *SUBJECTS[:2]])
def test_a_campaign_is_a_subject_on_a_day(visit, sent, subject):
    of_day = [m for m in sent if m.day == DAY and subject in (None, m.subject)]
    found = table(visit, day=DAY, **({"subject": subject} if subject else {}))

    services = by(of_day, "Mail service", lambda mail: NAMES[SERVICES[mail.domain]])
    subjects = by(of_day, "Subject", lambda mail: shown(mail.subject)) if not subject else {}
    expected = {("All", "Total"): numbers(of_day), **services, **subjects}
    assert some(found) == expected


def shown(subject):
    """Return *subject* as the CSV has it, in which no cell is a formula."""
    return f"'{subject}" if subject.startswith("=") else subject or "Other subjects"


@pytest.mark.parametrize("prefix", ["NEWS-1", "NEWS-", "NEWS-2-00"])
def test_a_campaign_is_a_beginning_of_the_api_data(visit, sent, prefix):
    chosen = [m for m in sent if m.api_data.startswith(prefix)]
    found = table(visit, q=prefix, by="api_data_begins")

    services = by(chosen, "Mail service", lambda mail: NAMES[SERVICES[mail.domain]])
    expected = {("All", "Total"): numbers(chosen), **services}
    assert some(found) == expected


def test_a_domain_and_a_server_composition_are_chosen(visit, sent):
    at_docomo = [m for m in sent if m.domain == "docomo.ne.jp"]
    of_day = [m for m in at_docomo if m.day == DAY]

    domain = {"q": "docomo.ne.jp", "by": "to_domain"}
    assert table(visit, day=DAYS, **domain)["All", "Total"] == numbers(at_docomo)
    assert table(visit, day=DAY, receiver="docomo")["All", "Total"] == numbers(of_day)
    assert table(visit, day=DAYS, composition="pro")["All", "Total"] == numbers(sent)
    assert table(visit, day=DAYS, composition="other")["All", "Total"][0] == "0"


def listed(visit, address):
    """Return how many mails the list at *address* has on all its pages."""
    count = 0
    while address:
        text = visit.get(address).text
        count += len(re.findall(r'<tr id="m-', text))
        older = re.search(r'href="([^"]+)" rel="next"', text)
        address = html.unescape(older[1]) if older else None
    return count


@pytest.mark.parametrize(
    "chosen",
    [
        {"day": DAY},
        {"day": DAYS},
        {"day": DAY, "subject": "お知らせ", "receiver": "gmail"},
        {"q": "NEWS-1", "by": "api_data_begins"},
        {"q": "docomo.ne.jp", "by": "to_domain", "day": DAY},
    ],
)
def test_each_number_leads_to_its_mails(visit, sent, chosen):
    text = visit.get(f"/statistics?{urlencode(chosen, doseq=True)}").text
    cells = re.findall(r'<a class="(\w+)" href="([^"]+)"><strong>([\d,]+)', text)
    cells += re.findall(r'<td class="(count)"><a href="([^"]+)">([\d,]+)', text)[::9]

    assert len(cells) >= 3
    for _, address, count in cells:
        assert listed(visit, html.unescape(address)) == int(count.replace(",", "")), address


@pytest.mark.parametrize(
    ("days", "title"),
    [
        (["2026-11-18"], "Queued on 2026-11-18"),
        (["2026-10-31", "2026-11-01"], "Queued from 2026-10-31 to 2026-11-01"),
        (["2026-11-20", "2026-11-18"], "Queued on 2026-11-18, 2026-11-20"),
        (["2026-11-18", "2026-11-18"], "Queued on 2026-11-18"),
    ],
)
def test_the_title_names_the_days_that_are_counted(visit, days, title):
    for place in ("statistics", "mails"):
        text = visit.get(f"/{place}?{urlencode({'day': days}, doseq=True)}").text
        assert title in re.sub(r"\s+", " ", text), place


def test_the_page_has_the_numbers_of_the_csv(visit, sent):
    text = visit.get(f"/statistics?day={DAY}").text
    tiles = re.findall(r"<li><\w+ [^>]*><strong>(.*?)</strong>", text)

    shown = [re.sub("<[^>]+>", "", tile).split()[0] for tile in tiles]
    assert [*shown[2:], *shown[:2]] == table(visit, day=DAY)["All", "Total"]
    assert "10% or more" in text


def test_failures_are_grouped_by_reply_with_their_diagnosis(visit, post):
    for n in range(12):
        mail = {"to": f"user{n}@gmail.com", "messageId": f"<{n}@example.com>"}
        reason = f"550-5.7.26 <user{n}@gmail.com> from 192.0.2.{n} fails a{n}b.{n} - gsmtp"
        post([make_record(created=f"{DAY} 10:00:00", **mail)])
        if n % 2:
            post([make_record(created=f"{DAY} 10:00:01", status="succeeded", **mail)])
        post(bounces=[make_record(created=f"{DAY} 10:00:02", status="4", reason=reason, **mail)])
    text = visit.get(f"/statistics?day={DAY}").text

    assert "Mails: 12 · Gmail · SPF, DKIM or DMARC of the sender failed" in text
    assert "550-5.7.26 &lt;@&gt; from # fails # - gsmtp" in text
    assert "entries in DNS" in text
    [address] = re.findall(r'<a href="([^"]+)">Mails with this reason', text)
    assert listed(visit, html.unescape(address)) == 12
    assert "newest 12 failures and later bounces (12 in all" in text


@pytest.mark.parametrize(
    ("reply", "folded"),
    [
        ("550 5.1.1 <a@b.jp>: no user 12 (in reply to RCPT TO)",
         "550 5.1.1 <@>: no user # (in reply to RCPT TO)"),
        ("421-4.7.28 [192.0.2.1 3] unusual rate  d9443c01a7-gsmtp 550",
         "421-4.7.28 [# #] unusual rate # 550"),
        ("552 5.2.2 x1 600 5.1.12345", "552 5.2.2 # # #"),
        ("", ""),
    ],
)  # fmt: skip
def test_numbers_and_addresses_in_a_reply_are_folded(reply, folded):
    assert fold(reply) == folded


def test_by_default_it_is_the_last_days_and_no_mail_is_read(visit, post):
    now = datetime.now(ZoneInfo("Asia/Tokyo"))
    for days in (0, 6, 7):
        at = now - timedelta(days=days)
        mail = {"messageId": f"<{days}@example.com>", "created": f"{at:%Y-%m-%d %H:%M:%S}"}
        post([make_record(**mail)])

    text = visit.get("/statistics").text
    assert "<strong>2</strong> Queued" in text
    assert "Documents read: 0." in text
    assert "<strong>3</strong> Queued" in visit.get("/statistics?last=30").text


def test_a_day_beside_an_empty_one_is_counted(visit):
    assert f"Queued on {DAY}" in visit.get(f"/statistics?day=&day={DAY}").text


def test_what_waits_and_who_is_stopped_leads_there(visit, post):
    post([make_record(messageId="")])
    now = datetime.now(ZoneInfo("Asia/Tokyo")).strftime("%Y-%m-%d %H:%M:%S")
    post(bounces=[make_record(status="2", reason="550 5.1.1 no such user", created=now)])
    text = visit.get("/statistics").text

    assert '<a href="/quarantine">Quarantine: 1</a>' in text
    assert '<a href="/stops">Stopped addresses: 1</a>' in text


@pytest.mark.parametrize(
    "query",
    [
        "day=nonsense",
        "last=8",
        "days=30",
        "receiver=nobody",
        "q=x&by=to",
        "q=x",
        f"q=x&by=api_data_begins&day={DAY}",
        "q=x&by=api_data_begins&composition=pro",
        "outcome=received",
        "receiver=softbank&last=30",
    ],
)
def test_what_cannot_be_counted_is_refused(visit, query):
    assert visit.get(f"/statistics?{query}").status_code == 400


@pytest.mark.parametrize(
    ("failed", "late", "reached", "of_both"),
    [(0, 0, 0, 0), (49, 0, 0, 0), (50, 0, 5, 5), (49, 1, 0, 5), (99, 1, 5, 10), (100, 0, 10, 10)],
)
def test_a_rate_reaches_a_threshold(failed, late, reached, of_both):
    found = Numbers(1_200, 1_000 - failed, failed, 200, late).columns()

    assert (found["valid"], found["open"]) == (1_000, 0)
    assert threshold(found["error_rate"]) == reached
    assert threshold(found["undelivered_rate"]) == of_both
    assert Numbers(5, 0, 0, 5, 0).columns()["error_rate"] is None
    assert threshold(None) == 0


def test_a_query_takes_the_domains_of_each_service():
    assert all(len(DOMAINS[each]) <= 30 for each in Receiver)


@pytest.fixture
def run(visit, monkeypatch):
    """Run a command on 80 columns, on the Firestore of the page."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return lambda *arguments: CliRunner().invoke(main, arguments).stdout


def test_the_command_has_the_numbers_of_the_page(run, visit, sent):
    gmail = [mail for mail in sent if mail.day == DAY and mail.domain == "gmail.com"]
    received, succeeded, failed, *_, rate, _ = numbers(gmail)
    shown = run("stats", "--day", DAY)
    [line] = [line.split() for line in shown.splitlines() if line.startswith("Gmail")]
    as_object = json.loads(run("stats", "--day", DAY, "--domain", "@gmail.com", "--json"))

    exported = visit.get(f"/statistics/numbers.csv?day={DAY}").text
    assert run("stats", "--day", DAY, "--csv").split() == exported.split()
    assert (line[1:4], line[5]) == ([received, succeeded, failed], rate)
    assert all(width(line) <= 80 for line in shown.splitlines())
    assert [*as_object["total"].values()][:3] == [int(received), int(succeeded), int(failed)]
    assert "お知らせ" not in run("stats", "--day", DAY, "--subject", "=SUM(A1)")
