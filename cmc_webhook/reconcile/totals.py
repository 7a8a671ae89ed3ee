"""Compares CMC's daily statistics with counts of the documents. Pure but for the counting."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from cmc_webhook.reading.counts import MailCounts
from cmc_webhook.reading.statuses import Filters

# CMC's figures of a day, in the order in which Numbers has ours.
FIGURES = ("queued", "succeeded", "failed", "blocked")
# The days before today that are compared: later ones still change.
_OLDEST, _NEWEST = 9, 2
# CMC keeps its logs for as long, and a backfill announces its pages by these figures.
DAYS_KEPT = 40
# As many days with different figures show that both count the same.
_ENOUGH = 3
_NUMBER = re.compile(r"\A[0-9]{1,9}\Z")
Figures = Mapping[str, Mapping[str, int]]  # by day and figure


def settled(today: date) -> list[str]:
    """Return the days to compare, the oldest first."""
    return [_back(today, days) for days in range(_OLDEST, _NEWEST - 1, -1)]


def month_to_ask(today: date) -> date:
    """Return a day of the month to ask for: one request has one month, so both take turns."""
    return today - timedelta(days=_OLDEST if today.day % 2 else _NEWEST)


def ours(counts: MailCounts, composition: str, days: list[str]) -> dict[str, dict[str, int]]:
    """Return the figures of our documents of *days*."""
    numbers = counts.numbers([Filters(composition=composition, days=(day,)) for day in days])
    each = (dict(zip(FIGURES, some, strict=False)) for some in numbers)
    return dict(zip(days, each, strict=True))


def figures_of(rows: Sequence[Any]) -> dict[str, dict[str, int]]:
    """Return the figures of each day in *rows*, without days of which one is no number."""
    found = {}
    for row in rows:
        try:
            day = date.fromisoformat(row["date"].replace("/", "-")).isoformat()
            found[day] = {f: int(_NUMBER.findall(str(row[f]))[0]) for f in FIGURES}
        except (AttributeError, LookupError, TypeError, ValueError):
            continue  # "total", a null, or a row of another form
    return found


def judged(
    rows: Sequence[Any], here: Figures, today: date, held: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what this run tells of what *held* has, with the figures in *rows*.

    ``figures`` and ``judged`` are for the next run, too. ``judged`` has for each figure the
    ``verdict`` and what is ``missing`` by day, ``remembered`` the days whose figures only an
    earlier run was told.
    """
    told = figures_of(rows)
    # A day without mails may have no row, unless one of the rows was not understood.
    empty = {day: each for day, each in here.items() if not any(each.values())}
    now = (empty if len(told) == len(rows) else {}) | told
    theirs = now | held.get("figures", {}) | told
    before = held.get("judged", {})
    return {
        "figures": {day: each for day, each in theirs.items() if day >= _back(today, DAYS_KEPT)},
        "remembered": [day for day in here if theirs.get(day) != now.get(day)],
        "judged": {name: _judged(name, theirs, here, before.get(name, {})) for name in FIGURES},
    }


def _judged(
    figure: str, theirs: Figures, here: Figures, before: Mapping[str, Any]
) -> dict[str, Any]:
    """Judge one figure, of which *before* is the judgement of the last run.

    Whether CMC's days begin as ours and count mails by queueing is not documented. Where it
    is otherwise, mails move from one day to another: one has fewer here, another more. So
    missing ones are told only once three days with different figures agreed, if no day has
    more here, between two days that agree, and if they were missing the last time too.
    """
    fewer = {day: theirs[day][figure] - here[day][figure] for day in here if day in theirs}
    if min(fewer.values(), default=0) < 0:
        return {"verdict": "moved", "missing": {}, "agreed": [], "fewer": {}}
    same = [day for day, number in fewer.items() if number == 0 < theirs[day][figure]]
    agreed = {*before.get("agreed", []), *(theirs[day][figure] for day in same)}
    between = [day for day in fewer if same and same[0] < day < same[-1] and fewer[day]]
    stayed = {day: min(fewer[day], before.get("fewer", {}).get(day, 0)) for day in between}
    missing = {day: number for day, number in stayed.items() if number}
    verdict = "missing" if missing else "again"
    if fewer and not any(fewer.values()):
        verdict = "agree"
    elif len(agreed) < _ENOUGH or not between or len(fewer) < len(here):
        verdict, missing = "unproven", {}
    enough = sorted(agreed)[:_ENOUGH]
    return {"verdict": verdict, "missing": missing, "agreed": enough, "fewer": fewer}


def _back(day: date, days: int) -> str:
    return (day - timedelta(days=days)).isoformat()
