"""
One sender, one post at a time: what a post takes, by its size, what is new in it, and the history.

The contenders take turns post by post, so that a change of the machine's speed hits all alike.
"""

import time
from collections import defaultdict

from tests.by_hand.benchmarks.contenders import NAMES, OURS, Sender, running
from tests.by_hand.benchmarks.load import LONG_REASON, body, chunks, make_records, new_mails
from tests.by_hand.benchmarks.tables import COST_HEADINGS, Cost, cost_cells, progress, show

# Records in a post, and for how many posts of it there is time when --rounds is 20.
SIZES = {1: 60, 10: 40, 100: 20, 500: 4}
# Of so many rounds a contender takes part in one: the slow ones would eat the time.
_STRIDE = {("per_record_set", 100): 5, ("per_record_set", 500): 4, ("transaction", 500): 2}
KINDS = ("new", "next", "duplicate")
# CMC's default format is a form; of the contenders these read it.
FORM_KINDS = tuple(f"{kind}, form" for kind in KINDS)
READ_FORMS = (OURS, "floor")
FULL = "full history"
# The last one is full with the next event; from then on the history is written whole (FULL).
HISTORIES = (1, 4, 16, 63)
# What a worker does after its answer is still part of the post.
_SETTLE_S = 0.002


def run(recorder, rounds):
    """Return the costs by (kind, size, contender) and by (history, contender), and show both."""
    costs = defaultdict(Cost)
    with running(NAMES, recorder) as contenders:
        senders = {contender: Sender(contender) for contender in contenders}
        _warm_up(senders)
        for size, posts in SIZES.items():
            for number in range(max(1, posts * rounds // 20)):
                taking = [c for c in senders if number % _STRIDE.get((c.name, size), 1) == 0]
                _round(costs, senders, _turn(taking, number), size)
            progress(f"posts of {size}")
            recorder.clear()
        _full_histories(costs, senders, max(1, rounds // 4))
        recorder.clear()
        _histories(costs, senders, max(2, rounds // 2))
    _show(costs)
    return costs


def _turn(items, number):
    place = number % len(items)
    return items[place:] + items[:place]


def _warm_up(senders):
    for contender, sender in senders.items():
        for _ in range(10):
            sender.post(body(make_records(new_mails(20), "queued")))
        contender.spent()


def _round(costs, senders, contenders, size):
    """Send three posts about the same mails to each contender: new, next, once more."""
    for kinds, form in ((KINDS, False), (FORM_KINDS, True)):
        mails = new_mails(size)
        queued = body(make_records(mails, "queued"), form=form)
        succeeded = body(make_records(mails, "succeeded", second=5), form=form)
        for kind, post in zip(kinds, (queued, succeeded, succeeded), strict=True):
            for contender in contenders:
                if form and contender.name not in READ_FORMS:
                    continue
                cost = costs[kind, size, contender.name]
                _measure(cost, senders[contender], contender, post, size)


def _measure(cost, sender, contender, post, events):
    before = contender.cpu_s()
    took = sender.post(post)
    time.sleep(_SETTLE_S)
    cost.add(events, [took], contender.cpu_s() - before, contender.spent())


def _full_histories(costs, senders, posts):
    """Post one event more to each of 100 documents, whose 64 events have a long reason each."""
    mails = new_mails(100)
    facts = _deferrals(mails, 64, LONG_REASON)
    for contender, sender in senders.items():
        # To the others a mail is a mail: it has no history that would have to be made.
        for records in chunks(facts, 1_600) if contender.name == OURS else ():
            sender.post(body(records))
        contender.spent()
    for number in range(posts):
        post = body(make_records(mails, "deferred", 100 + number, LONG_REASON))
        for contender in _turn(list(senders), number):
            cost = costs[FULL, 100, contender.name]
            _measure(cost, senders[contender], contender, post, 100)
    progress("full histories")


def _histories(costs, senders, posts):
    """Post the next event of documents that hold few or many, of the usual short kind."""
    ours = next(contender for contender in senders if contender.name == OURS)
    for number in range(posts):
        for length in _turn(HISTORIES, number):
            mails = new_mails(100)
            for records in chunks(_deferrals(mails, length, "try again"), 1_600):
                senders[ours].post(body(records))
            ours.spent()
            post = body(make_records(mails, "deferred", 100, "try again"))
            _measure(costs[length, OURS], senders[ours], ours, post, 100)
    progress("lengths of histories")


def _deferrals(mails, number, reason):
    """Return the records of so many deferrals of each mail."""
    return [
        record
        for second in range(number)
        for record in make_records(mails, "deferred", second, reason)
    ]


def _show(costs):
    rows = []
    for kind, size in [*((k, s) for s in SIZES for k in (*KINDS, *FORM_KINDS)), (FULL, 100)]:
        for name in READ_FORMS if kind in FORM_KINDS else NAMES:
            rows.append([f"{size} × {kind}", name, *cost_cells(costs[kind, size, name])])
    show("One post at a time", ["records", "contender", *COST_HEADINGS], rows)
    rows = [
        [f"{size} × {kind}", "p50", *_beside_floor(costs, kind, size, lambda cost: cost.ms(0.5))]
        for kind in (*KINDS, *FORM_KINDS)
        for size in SIZES
    ]
    rows += [
        [f"{size} × {kind}", "CPU", *_beside_floor(costs, kind, size, lambda cost: cost.cpu_us())]
        for kind in (*KINDS, *FORM_KINDS)
        for size in SIZES
    ]
    show(
        "Beside the floor (p50 in ms a post, CPU in µs an event)",
        ["records", "of", "ours / floor", "ours", "floor"],
        rows,
    )
    rows = [
        [f"{size} × {kind}", OURS, *_per_event(costs[kind, size, OURS])]
        for kind in KINDS
        for size in SIZES
    ]
    rows += [
        [f"100 × next after {length}", OURS, *_per_event(costs[length, OURS])]
        for length in HISTORIES
    ]
    show("Cost of an event", ["records", "contender", "p50 µs", "CPU µs"], rows)


def _beside_floor(costs, kind, size, figure):
    ours, floor = (figure(costs[kind, size, name]) for name in READ_FORMS)
    return [f"{ours / floor:.2f}", f"{ours:,.1f}", f"{floor:,.1f}"]


def _per_event(cost):
    return [f"{1_000 * cost.ms(0.5) * cost.posts / cost.events:,.0f}", f"{cost.cpu_us():,.0f}"]
