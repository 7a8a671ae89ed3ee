"""
What one instance takes: as many senders as it has threads, and its memory at the peak.

`--memory` and `--concurrency` of each function in deployment/steps.toml follow from these. Driver,
recorder and bucket share the machine's processors with the instance; the bucket is an emulator.
"""

import base64
import random
from concurrent.futures import ThreadPoolExecutor

from cmc_webhook.deployment.steps import file as deployment
from cmc_webhook.devserver import bucket
from tests.by_hand.benchmarks.contenders import OURS, Contender, Sender
from tests.by_hand.benchmarks.load import body, make_records, new_mails
from tests.by_hand.benchmarks.tables import progress, show
from tests.by_hand.benchmarks.throughput import flood
from tests.support import mails
from tests.support.processes import free_port

# How many posts of each kind are made for one second.
_STATUS = {
    "1 × new": 2_000,
    "100 × new": 150,
    "100 × new, form": 150,
    "100 × bounced": 100,
    "2,000 × new": 12,
}
_RECEIVED = {"20 kB": 300, "1 MB": 40, "29 MB": 6}
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_MULTIPART = f"multipart/form-data; boundary={mails.BOUNDARY}"


def run(recorder, rounds):
    """Show events (or mails) a second, times and peak memory of each function."""
    seconds, rows = max(1, round(2 * rounds / 20)), []
    functions = deployment()["functions"]
    for what, number in _STATUS.items():
        threads = functions["cmc-webhook"]["threads"]
        contender = Contender(OURS, recorder, THREADS=str(threads))
        posts = [_status(what) for _ in range(number * seconds)]
        content_type = _FORM if "form" in what else _JSON
        records = int(what.split()[0].replace(",", ""))
        rows.append(_row(what, contender, posts, content_type, records, threads, seconds))
        recorder.clear()
    rows.append(_largest(recorder, threads))
    recorder.clear()
    with bucket.running(free_port(), None) as environ:
        for what, number in _RECEIVED.items():
            threads = functions["cmc-inbound"]["threads"]
            settings = {"THREADS": str(threads), "FUNCTION_TARGET": "cmc_inbound", **environ}
            contender = Contender(OURS, recorder, **settings)
            posts = [_received(what, each) for each in range(number * seconds)]
            rows.append(_row(what, contender, posts, _MULTIPART, 1, threads, seconds))
            recorder.clear()
    headings = ["post", "function", "threads", "posts/s", "events/s"]
    headings += ["p50 ms", "p99 ms", "MiB before", "MiB at the peak"]
    show("Capacity of one instance", headings, rows)


def _row(what, contender, posts, content_type, records, threads, seconds):
    function = "status" if records > 1 or "new" in what else "received mail"
    try:
        contender.worker()  # starts after its port listens
        before = contender.memory()
        cost, took = flood(contender, posts, records, threads, seconds, content_type)
        progress(f"capacity: {what}")
        rates = [f"{cost.posts / took:,.1f}", f"{cost.events / took:,.0f}"]
        times = [f"{cost.ms(0.5):,.0f}", f"{cost.ms(0.99):,.0f}"]
        memory = [f"{size / 2**20:,.0f}" for size in (before, contender.peak_memory())]
        return [what, function, threads, *rates, *times, *memory]
    finally:
        contender.stop()


def _largest(recorder, threads):
    """Send as many of the largest posts at once: they are refused, but in time and memory."""
    what = "19,000 × new, 7 MB, refused"
    contender = Contender(OURS, recorder, THREADS=str(threads))
    try:
        contender.worker()
        before, posts = contender.memory(), [_status(what) for _ in range(threads)]
        with ThreadPoolExecutor(threads) as pool:
            answers = pool.map(lambda post: Sender(contender).attempt(post), posts)
            longest = max(took for _, took in answers)
        progress(f"capacity: {what}")
        memory = [f"{size / 2**20:,.0f}" for size in (before, contender.peak_memory())]
        return [what, "status", threads, "", "", "", f"{1_000 * longest:,.0f}", *memory]
    finally:
        contender.stop()


def _status(what):
    size = int(what.split()[0].replace(",", ""))
    records = make_records(new_mails(size), "queued")
    if "bounced" in what:
        for record in records:
            to = record["messageId"].strip("<>")  # nobody else's
            record |= {"status": "2", "reason": "550 5.1.1 user unknown", "to": to}
        return body(bounces=records)
    return body(records, form="form" in what)


def _received(what, number):
    number_of, unit = what.split()
    size = int(number_of) * {"kB": 1_000, "MB": 1_000_000}[unit]
    content = random.Random(number).randbytes(size * 3 // 4 - 4_000 * (size > 10_000))
    encoded = base64.encodebytes(content).replace(b"\n", b"\r\n")
    head = f"Message-ID: <{number}@mail.example.org>\r\n" + mails.HEADERS.replace("\n", "\r\n")
    attached = b"Content-Type: application/pdf; name=a.pdf\r\n"
    attached += b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded
    text = "Content-Type: text/plain; charset=utf-8\n\n本文"
    return mails.raw(mails.mixed(text, attached, head=head))
