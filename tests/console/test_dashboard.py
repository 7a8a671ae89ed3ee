"""The numbers of the dashboard, compared with counts of what the test has sent."""

import html
import itertools
import random
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cmc_webhook.console import periods
from cmc_webhook.console.dashboard import ticks
from cmc_webhook.reading.times import Period
from tests.support.records import make_record

SINCE = datetime(2025, 1, 25, 14, 0, 0)  # in Asia/Tokyo
UNTIL = datetime(2025, 1, 26, 14, 0, 0)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
# The edges of the period, and of an hour in it.
EDGES = [SINCE - SECOND, SINCE, SINCE + HOUR - SECOND, SINCE + HOUR, UNTIL - SECOND, UNTIL]
ADDRESS = f"/?since={SINCE.isoformat()}&until={UNTIL.isoformat()}"
STATUSES = ["queued", "deferred", "succeeded", "failed"]
CODES = {"2": "unknown_user", "4": "rejected", "10": "blocked_address"}


@pytest.fixture
def sent(post):
    """Status, cause, domain and time of each mail sent; some on the edges of the period."""
    rng = random.Random(8)
    facts, records = [], {"deliveries": [], "bounces": []}
    for number in range(400):
        word = rng.choice([*STATUSES, *CODES])
        at = rng.choice([*EDGES, SINCE + timedelta(seconds=rng.randrange(-40_000, 120_000))])
        domain = rng.choice(["example.jp", "example.net", "example.org"])
        record = make_record(
            messageId=f"<{number}@example.com>",
            to=f"u{number}@{domain}",
            status=word,
            created=at.strftime("%Y-%m-%d %H:%M:%S"),
        )
        records["bounces" if word in CODES else "deliveries"].append(record)
        status = {"10": "suppressed"}.get(word, "bounced" if word in CODES else word)
        facts.append((status, CODES.get(word), domain, at))
    post(**records)
    return facts


def numbers(text):
    """Return the counts on the page and their links, each by the text beside it."""
    tiles = re.findall(r'<a(?: class="(\w+)")? href="([^"]+)"><strong>([\d,]+)', text)
    rows = re.findall(r'<a href="([^"]+)">([^<]+)</a></th>.*?class="count">([\d,]+)', text)
    counts = {status or "all": int(count.replace(",", "")) for status, _, count in tiles}
    counts |= {name: int(count.replace(",", "")) for _, name, count in rows}
    links = {status or "all": html.unescape(link) for status, link, _ in tiles}
    return counts, links | {name: html.unescape(link) for link, name, _ in rows}


def expected(facts):
    inside = [fact for fact in facts if SINCE <= fact[3] < UNTIL]
    causes = {"unknown_user": "Unknown user", "rejected": "Rejection"}
    causes["blocked_address"] = "Blocked address"
    failed = [domain for status, _, domain, _ in inside if status in ("failed", "bounced")]
    return Counter(
        [
            *(status for status, *_ in inside),
            *(causes[cause] for _, cause, *_ in inside if cause),
            *failed,
            *("all" for _ in inside),
        ]
    )


def listed(visit, address):
    """Return how many mails the list at *address* has on all its pages."""
    count = 0
    while address:
        text = visit.get(address).text
        count += len(re.findall(r'<tr id="m-', text))
        older = re.search(r'href="([^"]+)" rel="next"', text)
        address = html.unescape(older[1]) if older else None
    return count


def test_the_numbers_are_those_of_what_was_sent(visit, sent):
    text = visit.get(ADDRESS).text
    counts, links = numbers(text)

    assert counts == expected(sent)
    assert {name: listed(visit, link) for name, link in links.items()} == counts
    deferred = sum(status == "deferred" for status, *_ in sent)
    assert f'period=all">{deferred}</a>' in text


def test_firestore_counts_the_same_when_there_are_too_many_to_read(visit, sent, monkeypatch):
    read = numbers(visit.get(ADDRESS).text)[0]
    whole = chart_titles(visit.get(ADDRESS).text)
    monkeypatch.setattr("cmc_webhook.console.dashboard_counts.MOST", 60)
    text = visit.get(ADDRESS).text
    counted = numbers(text)[0]

    domains = {"example.jp", "example.net", "example.org"}
    assert {n: c for n, c in counted.items() if n not in domains} == {
        n: c for n, c in read.items() if n not in domains
    }
    assert chart_titles(text) == whole
    assert "Documents read: 60." in text
    assert "from the newest" in text


def test_no_more_than_5000_are_read(visit, client):
    at = SINCE.replace(tzinfo=ZoneInfo("Asia/Tokyo"))
    for start in range(0, 5_001, 500):
        batch = client.batch()
        for number in range(start, min(start + 500, 5_001)):
            mail = client.document(f"mail_statuses/{number}")
            batch.set(mail, {"status": "queued", "status_at": at, "last_received_at": at})
        batch.commit()
    text = visit.get(ADDRESS).text

    assert "Documents read: 5,000." in text
    assert numbers(text)[0] == {"all": 5_001, "queued": 5_001}


def chart_titles(text):
    return re.findall(r"<title>(20[^<]+)</title>", text)


def test_the_chart_adds_up_to_the_numbers(visit, sent):
    text = visit.get(ADDRESS).text
    drawn = Counter()
    for title in chart_titles(text):
        label, count = title.split(" ", 2)[2].rsplit(": ", 1)
        drawn[label.lower()] += int(count)

    assert drawn == {n: c for n, c in numbers(text)[0].items() if n in [*STATUSES, *drawn]}


def test_each_number_of_the_table_leads_to_its_mails(visit, sent):
    text = visit.get(ADDRESS).text
    cells = re.findall(r'<td class="count"><a href="([^"]+)">(\d+)</a>', text)
    drawn = re.findall(r'<a href="([^"]+)" tabindex="-1" aria-label="[^"]+: (\d+)">', text)

    assert len(cells) > 30
    assert Counter(cells) == Counter(drawn)
    for address, count in cells[::20]:
        assert listed(visit, html.unescape(address)) == int(count)


def test_the_median_is_of_the_mails_that_succeeded(visit, post):
    for number, seconds in enumerate((2, 3, 50)):
        mail = {"messageId": f"<{number}@example.com>"}
        post(
            [
                make_record(created="2025-01-25 15:00:00", **mail),
                make_record(created=f"2025-01-25 15:00:{seconds:02}", status="succeeded", **mail),
            ]
        )

    assert '<p class="figure">3 s</p>' in visit.get(ADDRESS).text


def test_a_server_composition_is_chosen(visit, post):
    post([make_record(created="2025-01-25 15:00:00")])

    assert numbers(visit.get(f"{ADDRESS}&composition=pro").text)[0]["all"] == 1
    assert numbers(visit.get(f"{ADDRESS}&composition=other").text)[0] == {}


def test_a_mail_of_this_very_second_is_in_the_last_24_hours(visit, post):
    now = datetime.now(ZoneInfo("Asia/Tokyo"))
    post([make_record(created=now.strftime("%Y-%m-%d %H:%M:%S"))])

    assert numbers(visit.get("/").text)[0]["all"] == 1


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Europe/Berlin", "Asia/Kolkata", "UTC"])
@pytest.mark.parametrize("hours", [1, 24, 71, 24 * 7, 24 * 30, 24 * 800])
def test_the_pieces_of_a_period_are_the_period(zone, hours):
    # The period contains the end of summer time in Berlin.
    until = datetime(2025, 10, 26, 12, 34, tzinfo=UTC)
    period = Period(until - timedelta(hours=hours), until)
    pieces = periods.split(period, ZoneInfo(zone))

    assert (pieces[0].since, pieces[-1].until) == (period.since, period.until)
    assert all(a.until == b.since for a, b in itertools.pairwise(pieces))
    assert all(piece.since < piece.until for piece in pieces)
    assert len(pieces) <= 94
    inner = [piece.since.astimezone(ZoneInfo(zone)) for piece in pieces[1:]]
    assert {edge.minute for edge in inner} <= {0}
    if not periods.is_hourly(period):
        assert {edge.hour for edge in inner} <= {0}


@pytest.mark.parametrize("most", [0, 1, 3, 4, 5, 9, 99, 100, 12_345])
def test_ticks_are_few_and_reach_the_most(most):
    steps = ticks(most)

    assert steps[0] == 0
    assert steps[-1] >= most
    assert 2 <= len(steps) <= 5


def test_the_bars_are_stacked_and_as_high_as_their_counts(visit, sent):
    chart = visit.get(ADDRESS).text.split('<svg class="chart"')[1].split("</svg>")[0]
    pieces, most = re.search(r'viewBox="0 0 (\d+) (\d+)" preserve', chart).groups()
    form = r'x="([\d.]+)" width="0.85" y="(\d+)" height="(\d+)"><title>[^<]+: (\d+)</title>'
    tops = {}
    for x, y, height, count in re.findall(form, chart):
        assert height == count
        assert int(y) == tops.get(x, int(most)) - int(count)
        tops[x] = int(y)

    assert sum(int(most) - y for y in tops.values()) == expected(sent)["all"]
    assert max(map(float, tops)) < int(pieces) == 24
    assert min(tops.values()) >= 0
