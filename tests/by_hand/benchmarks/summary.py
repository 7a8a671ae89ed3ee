"""The goals, each with what was measured and by how much it is missed."""

import itertools

from tests.by_hand.benchmarks import memory
from tests.by_hand.benchmarks.contenders import OURS
from tests.by_hand.benchmarks.single import HISTORIES, SIZES
from tests.by_hand.benchmarks.start import BARE
from tests.by_hand.benchmarks.tables import show

_FACTS = ("new", "next")
# What noise may add to something that does not grow.
_FLAT = 1.1


def run(results):
    """Show the goals of the sections in *results*, which holds what each returned by name."""
    goals = [
        goal
        for section, judge in _JUDGES.items()
        if results.get(section)
        for goal in judge(results[section])
    ]
    rows = [
        [name, _verdict(figure, most), f"{most:g}", f"{figure:.2f}"] for name, most, figure in goals
    ]
    show("The goals", ["goal", "verdict", "at most", "measured"], rows)


def _verdict(figure, most):
    if figure <= most:
        return "reached"
    return f"missed by {figure / most - 1:.0%}" if most else "missed"


def _single(costs):
    """Yield (goal, the most that it may be, what it is)."""
    ours = [costs[kind, size, OURS] for kind in _FACTS for size in SIZES]
    small = [costs[kind, size, OURS] for kind in _FACTS for size in SIZES if size <= 200]
    repeats = [costs["duplicate", size, OURS] for size in SIZES]
    yield "RPCs per post of up to 200 new facts", 1, max(c.rpcs / c.posts for c in small)
    yield "reads per new fact", 0, max(c.reads / c.events for c in ours)
    yield "writes per new fact", 1, max(c.writes / c.events for c in ours)
    yield "RPCs per post of duplicates", 0, max(c.rpcs / c.posts for c in repeats)
    yield "writes per duplicate", 0, max(c.writes / c.events for c in repeats)
    for size, rival, goals in (
        (100, "floor", {"new": 1.6, "next": 1.8}),
        (100, "unsafe_batch", {"new": 0.6, "next": 0.6}),
        (100, "per_record_set", {"new": 0.05, "next": 0.05}),
        (1, "floor", {"new": 1.15, "next": 1.15}),
        (100, "floor", {"new, form": 1.3, "next, form": 1.3}),
    ):
        for kind, most in goals.items():
            ratio = costs[kind, size, OURS].ms(0.5) / costs[kind, size, rival].ms(0.5)
            yield f"p50, {size} × {kind}: ours / {rival}", most, ratio
    for kind in _FACTS:
        ratio = costs[kind, 100, OURS].cpu_us() / costs[kind, 100, "floor"].cpu_us()
        yield f"CPU per event, 100 × {kind}: ours / floor", 3, ratio
    for kind in _FACTS:
        steps = [
            costs[kind, more, OURS].cpu_us() / costs[kind, fewer, OURS].cpu_us()
            for fewer, more in itertools.pairwise(SIZES)
        ]
        yield f"CPU per event, {kind}: worst step up in size", _FLAT, max(steps)
    first, last = (costs[length, OURS].cpu_us() for length in (HISTORIES[0], HISTORIES[-1]))
    yield f"CPU per event: after {HISTORIES[-1]} events / after 1", 1.3, last / first


def _contention(results):
    cost, wrong = results[OURS]
    yield "six senders, overlapping mails: RPCs per post", 3.5, cost.rpcs / cost.posts
    yield "six senders, overlapping mails: wrong documents", 0, wrong


def _cold(medians):
    yield "cold start: ours / bare", 1.12, medians[OURS] / medians[BARE]


def _memory(resident):
    for case, steps in resident.items():
        for fewer, more in itertools.pairwise(memory.STEPS[1:]):
            goal = f"memory, {case}: {more:,} events / {fewer:,}"
            yield goal, _FLAT, steps[more] / steps[fewer]


_JUDGES = {"single": _single, "contention": _contention, "cold": _cold, "memory": _memory}
