"""Whole lives of mails: the mix that a company sees, and rivals that tell of the same mails."""

import queue
import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from tests.by_hand.benchmarks.contenders import NAMES, OURS, Contender, Sender, running
from tests.by_hand.benchmarks.load import body, chunks, new_mails, told
from tests.by_hand.benchmarks.tables import COST_HEADINGS, Cost, cost_cells, progress, show
from tests.support import oracle

_SEED = 20250125
_MIXED_POST = 50
_RIVALS = 6
_RIVALS_POST = 25
# CMC repeats a post whose answer is not 2xx; one that fails so often counts as lost.
_MOST_REPEATS = 20
_WHY = "550 5.1.1 User unknown"


def mix(recorder, rounds):
    """Send the mix of real life to each contender in turn, and show and return the costs."""
    rng = random.Random(_SEED)
    costs = {}
    with running(NAMES, recorder) as contenders:
        facts = _facts(rng, mails=40 * rounds)
        facts += [(moment + 50, *fact) for moment, *fact in rng.sample(facts, len(facts) // 50)]
        facts.sort(key=lambda fact: fact[0])
        posts = list(chunks([fact[1:] for fact in facts], _MIXED_POST))
        for contender in contenders:
            sender = Sender(contender)
            sender.post(body(told(new_mails(1), "queued")))
            contender.spent()
            cpu_s = contender.cpu_s()
            times = [sender.post(_body(post)) for post in posts]
            cost = costs[contender.name] = Cost()
            cost.add(len(facts), times, contender.cpu_s() - cpu_s, contender.spent())
            progress(f"mix of real life: {contender.name}")
    rows = [[f"{_MIXED_POST} × mixed", name, *cost_cells(cost)] for name, cost in costs.items()]
    show("The mix of real life", ["records", "contender", *COST_HEADINGS], rows)
    return costs


def contention(recorder, rounds):
    """
    Tell two instances of the same mails, everything twice and shuffled, by six senders.

    Return by contender the cost and the number of wrong documents, and show it.
    """
    rng = random.Random(_SEED)
    results, rows = {}, []
    facts = [fact[1:] for fact in _facts(rng, mails=12 * rounds)] * 2
    rng.shuffle(facts)
    posts = list(chunks(facts, _RIVALS_POST))
    for name in (OURS, "per_record_set", "unsafe_batch", "transaction"):
        cost, repeated, documents = _contend(name, recorder, posts)
        wrong = _wrong(documents, facts)
        results[name] = (cost, wrong)
        cells = [*cost_cells(cost), repeated, f"{wrong} of {len(documents)}"]
        rows.append([f"{_RIVALS_POST} × overlapping", name, *cells])
        progress(f"contention: {name}")
    headings = ["records", "contender", *COST_HEADINGS, "repeated posts", "wrong documents"]
    show(f"Contention: {_RIVALS} senders, two instances", headings, rows)
    return results


def _facts(rng, mails):
    """
    Return (moment, list, record): each mail is queued and, a while later, delivered.

    One in twenty fails instead, which a delivery and a bounce tell.
    """
    facts = []
    for moment, mail in enumerate(new_mails(mails)):
        facts.append((moment, "deliveries", told([mail], "queued", moment % 3_600)[0]))
        later = moment + rng.expovariate(1 / 100)
        if rng.random() < 0.05:
            facts.append((later, "deliveries", told([mail], "failed", 3_600, _WHY)[0]))
            facts.append((later + 1, "bounces", told([mail], "2", 3_601, _WHY)[0]))
        else:
            facts.append((later, "deliveries", told([mail], "succeeded", 3_600)[0]))
    return facts


def _body(facts):
    lists = defaultdict(list)
    for kind, record in facts:
        lists[kind].append(record)
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
            Sender(contender).post(body(told(new_mails(1), "queued")))
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


def _wrong(documents, facts):
    """Return how many documents are not what tests/oracle.py makes of all facts."""
    told_of = defaultdict(set)
    for kind, record in facts:
        told_of[record["messageId"]].add(oracle.fact_of_record(kind, record))
    found = {document["message_id"]: document for document in documents}
    return sum(_differs(found.get(mail, {}), told) for mail, told in told_of.items())


def _differs(document, facts):
    if "events" in document:
        return bool(oracle.differences(document, facts))
    # The simple contenders' documents have a status and no history.
    return document.get("status") != oracle.fold(facts)["status"]
