"""What an instance takes before it is of use: from process start to the first stored event."""

import http.client
import statistics
import time

from tests.by_hand.benchmarks.contenders import OURS, Contender, Sender
from tests.by_hand.benchmarks.load import body, make_records, new_mails
from tests.by_hand.benchmarks.tables import progress, show

BARE = "bare"


def run(recorder, rounds):
    """Start ours and the bare function by turns; show the times and return their medians."""
    times = {OURS: [], BARE: []}
    for number in range(max(3, rounds // 2)):
        for name in (OURS, BARE) if number % 2 else (BARE, OURS):
            times[name].append(_first_event_s(name, recorder))
        progress(f"cold start {number + 1}")
    rows = [
        [
            "first stored event",
            name,
            len(t),
            f"{1_000 * statistics.median(t):,.0f}",
            f"{1_000 * min(t):,.0f}",
        ]
        for name, t in times.items()
    ]
    headings = ["until", "contender", "starts", "median ms", "least ms"]
    show("Cold start, compiled modules on disk", headings, rows)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def _first_event_s(name, recorder):
    post = body(make_records(new_mails(1), "queued"))
    started = time.perf_counter()
    contender = Contender(name, recorder, wait=False)
    try:
        while not _accepted(contender, post):
            if contender.process.poll() is not None:
                raise RuntimeError(contender.output())
            time.sleep(0.002)
        took = time.perf_counter() - started
        if contender.spent()["writes"] != 1:
            raise RuntimeError(f"{name} stored nothing")
        return took
    finally:
        contender.stop()


def _accepted(contender, post):
    try:
        return Sender(contender).attempt(post)[0]
    except (ConnectionError, http.client.HTTPException):  # it does not listen yet
        return False
