"""
Times the page over many mails: run as `python -m tests.by_hand.benchmarks.console`.

For each number of mails: a built-in Firestore on a file is filled by posts to the function, mails
of the simulator's campaign over the last 30 days. Then Firestore and page are started again, and
each view is requested over HTTP. The first time of a view may include work that is then done.

With --campaigns 20 the mails are those of twenty campaigns of one day, and the views are those of
the statistics.
"""

import argparse
import html
import http.client
import random
import re
import statistics
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from cmc_webhook.simulator.scenarios import COMPOSITION, Mailing, events
from tests.by_hand.benchmarks.load import chunks
from tests.by_hand.benchmarks.tables import progress, show
from tests.support.processes import Program, free_port
from tests.support.records import as_json, make_post
from tests.support.server import FunctionServer

PROJECT = "demo-benchmark"
DAYS = 30
MAILINGS = 10 * DAYS
SENDERS = 4
PAGES = 20
ZONE = ZoneInfo("Asia/Tokyo")


def mailings(documents, now):
    """Yield what happened until *now* of each mailing, the events of a mail beside each other."""
    rng = random.Random(documents)
    for _ in range(MAILINGS):
        mailing = Mailing(
            steps=None,
            count=max(1, documents // MAILINGS),
            recipients=1,
            version=2,
            zone=ZONE,
            # A late bounce comes up to two days after its mail.
            last_event_at=now + timedelta(days=2 - rng.uniform(0, DAYS)),
        )
        happened = [event for event in events(mailing, rng) if event.at <= now]
        yield sorted(happened, key=lambda event: event.record["messageId"])


def campaigns(documents, now, number):
    """Yield what happened of each of so many campaigns, which were queued within eight hours."""
    rng = random.Random(documents)
    midnight = now.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    for each in range(number):
        mailing = Mailing(
            steps=None,
            count=documents // number,
            recipients=1,
            version=2,
            zone=ZONE,
            last_event_at=(midnight - timedelta(hours=8 * rng.random())).astimezone(UTC),
        )
        happened = events(mailing, rng)
        for event in happened:
            event.record["subject"] = f"Newsletter {each}"
            event.record["apiData"] = f"CAMPAIGN-{each:02}-{event.record['messageId'][1:9]}"
        yield sorted(happened, key=lambda event: event.record["messageId"])


def body(part):
    """Return one post of *part*, which is not more than a hundred events."""
    lists = defaultdict(list)
    for event in part:
        lists[event.event_type].append(event.record)
    return as_json(make_post(**lists, composition=COMPOSITION))[0]


def fill(environ, sent):
    function = FunctionServer({**environ, "CMC_ALLOW_UNAUTHENTICATED": "true"})
    try:
        with ThreadPoolExecutor(SENDERS) as pool:
            for all_events in sent:
                bodies = [body(part) for part in chunks(all_events, 100)]
                for status, answer, _ in pool.map(function.post, bodies):
                    if status != 200 or answer["quarantined"]:
                        raise RuntimeError(answer)
    finally:
        function.stop()


def get(port, path):
    """Return the page at *path* and the seconds that it took."""
    begin = time.perf_counter()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=600)) as connection:
        connection.request("GET", path, headers={"Accept-Language": "en"})
        response = connection.getresponse()
        text = response.read().decode()
    if response.status != 200:
        raise RuntimeError(f"{path}: {response.status}")
    return text, time.perf_counter() - begin


def next_page(text):
    found = re.search(r'href="([^"]+)" rel="next"', text)
    return html.unescape(found[1]) if found else None


def views(port):
    """Yield the name and the address of each view."""
    yield "overview, 24 hours", "/?period=24h"
    yield "overview, 7 days", "/?period=7d"
    yield "overview, 30 days", "/?period=30d"
    yield "list", "/mails"
    text, _ = get(port, "/mails")
    to, mail = re.search(
        r'/addresses/([^"]+)".*?class="subject"><a href="([^"]+)"', text, re.DOTALL
    ).groups()
    yield "list, one status", "/mails?status=bounced"
    yield "list, two statuses", "/mails?status=bounced&status=failed"
    yield "list, cause", "/mails?cause=unknown_user"
    yield "list, diagnosis, class", "/mails?diagnosis=unknown_user&class=hard"
    yield "card", f"/addresses/{to}"
    yield "card, no mail", f"/addresses/{to[:4]}x{to[5:]}"
    yield "search, recipient", f"/mails?q={to}&by=to"
    yield "search, beginning of a recipient", f"/mails?q={to[:3]}"
    yield "search, beginning and status", f"/mails?q={to[:1]}&status=bounced"
    yield "search, beginning and no match", f"/mails?q={to[:1]}&composition=none"
    yield "search, domain", "/mails?q=@docomo.example"
    yield "search, domain, status, 7 days", "/mails?q=@example.jp&status=succeeded&period=7d"
    yield "search, nothing found", "/mails?q=zzz"
    path = "/mails"
    for _ in range(PAGES):
        path = next_page(get(port, path)[0]) or path
    yield f"list, {PAGES} pages on", path
    middle = datetime.now(UTC) - timedelta(days=DAYS / 2)
    yield "list, from the middle", "/mails?" + urlencode({"after": f"{middle.isoformat()}/m"})
    yield "one mail", html.unescape(mail)


def of_campaigns(port):
    """Yield the name and the address of each view of the statistics."""
    yield "statistics, 7 days", "/statistics"
    yield "statistics, 30 days", "/statistics?last=30"
    text, _ = get(port, "/statistics")
    day = max(
        re.findall(r'day=([\d-]+)">[\d-]+</a></bdi></th>\s*<td[^>]*>(?:<a[^>]*>)?([\d,]+)', text),
        key=lambda found: int(found[1].replace(",", "")),
    )[0]
    yield "statistics, a day", f"/statistics?day={day}"
    yield "statistics, a subject of the day", f"/statistics?day={day}&subject=Newsletter+7"
    yield "statistics, a mail service", f"/statistics?day={day}&receiver=docomo"
    yield "statistics, a beginning", "/statistics?by=api_data_begins&q=CAMPAIGN-07"
    yield "statistics, all campaigns", "/statistics?by=api_data_begins&q=CAMPAIGN-"
    yield "statistics, a domain, 7 days", "/statistics?by=to_domain&q=example.jp"
    yield "list, failures of a subject", f"/mails?day={day}&subject=Newsletter+7&outcome=failed"


def said(text):
    """Return what the page says that it has read."""
    return " ".join(re.search(r'<span id="reads"[^>]*>([^<]*)', text)[1].split())


def resident_mib(program):
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def start_firestore(running, port, data):
    options = ("--only-firestore", "--firestore-port", str(port), "--data", data)
    firestore = Program("cmc_webhook", "devserver", *options)
    running.callback(firestore.stop)
    firestore.wait_for(port)
    return firestore


def timed(views, port, documents, repeats):
    """Return a row for each of *views* of the page on *port*."""
    rows = []
    for name, path in views(port):
        text, first = get(port, path)
        later = statistics.median(get(port, path)[1] for _ in range(repeats))
        cells = f"{documents:,}", f"{1000 * first:,.0f}", f"{1000 * later:,.0f}", said(text)
        rows.append([name, *cells])
        progress(" | ".join(rows[-1]))
    return rows


def start_page(running, environ):
    """Return the port of a page that is started."""
    port = free_port()
    page = Program("cmc_webhook", "console", "--port", str(port), **environ)
    running.callback(page.stop)
    page.wait_for(port)
    return port


def measure(documents, repeats, number_of_campaigns):
    """Return a row for each view of so many mails; of their statistics if they are campaigns."""
    now = datetime.now(UTC)
    mails, of_mails = mailings(documents, now), views
    if number_of_campaigns:
        mails, of_mails = campaigns(documents, now, number_of_campaigns), of_campaigns
    with tempfile.TemporaryDirectory() as directory, ExitStack() as running:
        data, port = f"{directory}/firestore.sqlite3", free_port()
        environ = {
            "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{port}",
            "GOOGLE_CLOUD_PROJECT": PROJECT,
        }
        begin = time.perf_counter()
        with ExitStack() as filling:
            start_firestore(filling, port, data)
            fill(environ, mails)
        progress(f"{documents:,} mails posted in {time.perf_counter() - begin:.0f} s")
        firestore = start_firestore(running, port, data)
        before = resident_mib(firestore)
        rows = timed(of_mails, start_page(running, environ), documents, repeats)
        progress(
            f"Firestore with {documents:,} mails: {before:,.0f} MiB at its start,"
            f" {resident_mib(firestore):,.0f} MiB after all views"
        )
        return rows


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tests.by_hand.benchmarks.console", description=__doc__
    )
    parser.add_argument(
        "--documents", type=int, nargs="+", default=[1_000, 100_000], help="numbers of mails"
    )
    parser.add_argument("--repeats", type=int, default=3, help="how often after the first time")
    parser.add_argument("--campaigns", type=int, default=0, help="how many, for the statistics")
    options = parser.parse_args()
    measured = [
        measure(documents, options.repeats, options.campaigns) for documents in options.documents
    ]
    rows = [row for rows in zip(*measured, strict=True) for row in rows]
    show("Views of the page", ["view", "mails", "first ms", "later ms", "the page says"], rows)


if __name__ == "__main__":
    main()
