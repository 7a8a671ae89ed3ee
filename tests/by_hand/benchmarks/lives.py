"""Whole lives of mails: the mix that a company sees, and senders that post the same mails."""

import queue
import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from cmc_webhook.simulator.scenarios import STEPS, Mailing, events
from tests.by_hand.benchmarks.contenders import NAMES, OURS, Contender, Sender, running
from tests.by_hand.benchmarks.load import body, chunks, make_records, new_mails
from tests.by_hand.benchmarks.tables import COST_HEADINGS, Cost, cost_cells, progress, show
from tests.support import oracle
from tests.support.ledger import COMPOSITION, TOKYO

_SEED = 20250125
_END = datetime(2025, 1, 25, 5, 3, 6, tzinfo=UTC)
_MIXED_POST = 50
_RIVALS = 6
_RIVALS_POST = 25
# CMC repeats a post whose answer is not 2xx; one that fails so often counts as lost.
_MOST_REPEATS = 20


def mix(recorder, rounds):
    """Send the mix of real life to each contender in turn, and show and return the costs."""
    rng = random.Random(_SEED)
    costs = {}
    with running(NAMES, recorder) as contenders:
        sent = _mailing(rng, mails=40 * rounds)
        sent += rng.sample(sent, len(sent) // 50)
        sent.sort(key=lambda event: event.at)
        posts = list(chunks(sent, _MIXED_POST))
        for contender in contenders:
            sender = Sender(contender)
            sender.post(body(make_records(new_mails(1), "queued")))
            contender.spent()
            cpu_s = contender.cpu_s()
            times = [sender.post(_body(post)) for post in posts]
            cost = costs[contender.name] = Cost()
            cost.add(len(sent), times, contender.cpu_s() - cpu_s, contender.spent())
            progress(f"mix of real life: {contender.name}")
    rows = [[f"{_MIXED_POST} × mixed", name, *cost_cells(cost)] for name, cost in costs.items()]
    show("The mix of real life", ["records", "contender", *COST_HEADINGS], rows)
    return costs


def contention(recorder, rounds):
    """
    Post the same mails to two instances, everything twice and shuffled, by six senders.

    Return by contender the cost and the number of wrong documents, and show it.
    """
    rng = random.Random(_SEED)
    results, rows = {}, []
    sent = _mailing(rng, mails=12 * rounds) * 2
    rng.shuffle(sent)
    posts = list(chunks(sent, _RIVALS_POST))
    for name in (OURS, "per_record_set", "unsafe_batch", "transaction"):
        cost, repeated, documents = _contend(name, recorder, posts)
        wrong = _wrong(documents, sent)
        results[name] = (cost, wrong)
        cells = [*cost_cells(cost), repeated, f"{wrong} of {len(documents)}"]
        rows.append([f"{_RIVALS_POST} × overlapping", name, *cells])
        progress(f"contention: {name}")
    headings = ["records", "contender", *COST_HEADINGS, "repeated posts", "wrong documents"]
    show(f"Contention: {_RIVALS} senders, two instances", headings, rows)
    return results


def _mailing(rng, mails):
    """Return the events of *mails* mails, one in twenty of which fails: a delivery and a bounce."""
    failing = mails // 20
    return [
        event
        for life, count in (("normal", mails - failing), ("hard-bounce", failing))
        for event in events(
            Mailing(
                steps=STEPS[life],
                count=count,
                recipients=1,
                version=2,
                zone=TOKYO,
                last_event_at=_END,
            ),
            rng,
        )
    ]


def _body(post):
    lists = defaultdict(list)
    for event in post:
        lists[event.event_type].append(event.record)
    return body(**lists)


def _contend(name, recorder, posts):
    """Return what *posts* cost, how many had to be repeated, and the documents they left."""
    first = Contender(name, recorder)
    second = Contender(name, recorder, first.project)
    waiting = queue.SimpleQueue()
    for post in posts:
        waiting.put(_body(post))

    def send(number):
        sender = Sender((first, second)[number % 2])
        times, repeats = [], 0
        while not waiting.empty():
            took, more = _insist(sender, waiting.get())
            times.append(took)
            repeats += more
        return times, repeats

    try:
        for contender in (first, second):
            Sender(contender).post(body(make_records(new_mails(1), "queued")))
        first.spent()
        cpu_s = first.cpu_s() + second.cpu_s()
        with ThreadPoolExecutor(_RIVALS) as pool:
            sent = list(pool.map(send, range(_RIVALS)))
        cpu_s = first.cpu_s() + second.cpu_s() - cpu_s
        cost = Cost()
        times = [took for times, _ in sent for took in times]
        cost.add(sum(map(len, posts)), times, cpu_s, first.spent())
        return cost, sum(repeats for _, repeats in sent), first.documents()
    finally:
        first.stop()
        second.stop()


def _insist(sender, post):
    """Send *post* until it is accepted; return the seconds of all and the number of repeats."""
    seconds = 0.0
    for repeats in range(_MOST_REPEATS):
        accepted, took = sender.attempt(post)
        seconds += took
        if accepted:
            return seconds, repeats
    raise RuntimeError("a post was never accepted")


def _wrong(documents, sent):
    """Return how many documents are not what the oracle makes of all events."""
    records = [(event.event_type, event.record) for event in sent]
    expected = oracle.outcome(records, COMPOSITION, TOKYO).documents.values()
    found = {document["message_id"]: document for document in documents}
    return sum(_differs(found.get(e["message_id"][0], {}), e) for e in expected)


def _differs(document, expected):
    if "events" in document:
        return bool(oracle.differences(expected, document))
    # The simple contenders' documents have a status and no history.
    return document.get("status") not in expected["status"]
