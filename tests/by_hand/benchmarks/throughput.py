"""Many senders at a time against one instance: how many posts it answers in a second."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

from tests.by_hand.benchmarks.contenders import NAMES, Sender, running
from tests.by_hand.benchmarks.load import body, make_records, new_mails
from tests.by_hand.benchmarks.tables import COST_HEADINGS, Cost, cost_cells, progress, show

SENDERS = (8, 32)
# Records in a post, and more posts of it than an instance can answer in a second.
_SIZES = {1: 2_000, 100: 700}


def run(recorder, rounds):
    seconds = 1.5 * rounds / 20
    rows = []
    with running(NAMES, recorder) as contenders:
        for (size, most), senders in itertools.product(_SIZES.items(), SENDERS):
            # Made before, not while it is measured: the senders need a processor too.
            posts = [
                body(make_records(new_mails(size), "queued"))
                for _ in range(int(most * seconds) + 1)
            ]
            for contender in contenders:
                cost, took = flood(contender, posts, size, senders, seconds)
                rates = [f"{cost.posts / took:,.0f}", f"{cost.events / took:,.0f}"]
                label = f"{senders} senders × {size}"
                rows.append([label, contender.name, *rates, *cost_cells(cost)])
            recorder.clear()
            progress(f"throughput: {label}")
    headings = ["records", "contender", "posts/s", "events/s", *COST_HEADINGS]
    show("Throughput of new mails, one instance", headings, rows)


def flood(contender, posts, size, senders, seconds, content_type="application/json"):
    """Send *posts* for so many seconds and return their cost and the seconds it really took."""
    contender.spent()
    waiting = iter(posts)  # to take the next is atomic
    cpu_s, started = contender.cpu_s(), time.monotonic()

    def send(_):
        sender = Sender(contender)
        times = []
        while time.monotonic() < started + seconds and (post := next(waiting, None)):
            times.append(sender.post(post, content_type))
        return times

    with ThreadPoolExecutor(senders) as pool:
        times = list(itertools.chain.from_iterable(pool.map(send, range(senders))))
    elapsed = time.monotonic() - started
    cost = Cost()
    cost.add(size * len(times), times, contender.cpu_s() - cpu_s, contender.spent())
    return cost, elapsed
