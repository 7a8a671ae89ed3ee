"""Compares CMC's daily statistics with counts of the documents. Pure but for what it asks."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from cmc_webhook.reading.counts import MailCounts, Numbers
from cmc_webhook.reading.statuses import Filters

# CMC's figures of a day, in the order in which Numbers has ours.
FIGURES = ("queued", "succeeded", "failed", "blocked")
# The days before today that are compared: later ones still change.
_OLDEST, _NEWEST = 9, 2
# CMC keeps its logs for as long, and a backfill announces its pages by these figures.
DAYS_KEPT = 40
# As many days with different figures show that both count the same.
ENOUGH = 3
Figures = Mapping[str, Mapping[str, int]]  # by day and figure


# The verdicts on a figure: no difference; mails are missing; to be seen whether the difference
# stays; some days have more here; too few days agree to tell.
AGREE, MISSING, AGAIN, MOVED, UNPROVEN = "agree", "missing", "again", "moved", "unproven"


def settled(today: date) -> list[str]:
    """Return the days to compare, the oldest first."""
    return [(today - timedelta(days=n)).isoformat() for n in range(_OLDEST, _NEWEST - 1, -1)]


def month_to_ask(today: date) -> date:
    """Return a day of the month to ask for: one request has one month, so both take turns."""
    return today - timedelta(days=_OLDEST if today.day % 2 else _NEWEST)


def figures_of(rows: Iterable[Any]) -> dict[str, dict[str, int]]:
    """Return the figures of each day in *rows*, without days of which one is no number."""
    found = {}
    for row in rows:
        try:
            day = date.fromisoformat(row["date"].replace("/", "-")).isoformat()
            found[day] = {figure: int(row[figure]) for figure in FIGURES}
        except (AttributeError, KeyError, TypeError, ValueError):
            continue  # "total", a null, or a row of another form
    return found


def ours(counts: MailCounts, composition: str, days: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return the same figures of our documents of *days*."""
    days = [*days]
    numbers = counts.numbers([Filters(composition=composition, days=(day,)) for day in days])
    return {day: _figures(each) for day, each in zip(days, numbers, strict=True)}


def _figures(numbers: Numbers) -> dict[str, int]:
    return dict(zip(FIGURES, numbers, strict=False))


def judged(
    rows: Iterable[Any], here: Figures, today: date, held: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Return what the next run must know: what *held* has, with the figures in *rows*.

    Besides, ``verdicts`` has a word for each figure, and ``missing`` its mails by day.
    Whether CMC's days begin as ours and count mails by queueing is not documented. Where it
    is otherwise, mails move from one day to another: one has fewer here, another more. So
    missing ones are told only once three days with different figures agreed, if no day has
    more here, of days with neighbours to see that, and if they were missing last time too.
    """
    first = (today - timedelta(days=DAYS_KEPT)).isoformat()
    # A day without mails may have no row.
    empty = {day: ours for day, ours in here.items() if not any(ours.values())}
    theirs = empty | held.get("figures", {}) | figures_of(rows)
    found: dict[str, Any] = {"agreed": {}, "fewer": {}, "verdicts": {}, "missing": {}}
    for figure in FIGURES:
        fewer = {d: theirs[d][figure] - here[d][figure] for d in here if d in theirs}
        before = held.get("fewer", {}).get(figure, {})
        agreed = {*held.get("agreed", {}).get(figure, [])}
        agreed |= {theirs[day][figure] for day, number in fewer.items() if not number} - {0}
        moved = min(fewer.values(), default=0) < 0
        found["agreed"][figure] = [] if moved else sorted(agreed)[:ENOUGH]
        found["fewer"][figure] = fewer
        missing = {} if moved or len(agreed) < ENOUGH else _missing(fewer, before)
        found["missing"][figure] = missing
        found["verdicts"][figure] = _verdict(fewer, moved, len(agreed), missing)
    return found | {"figures": {day: each for day, each in theirs.items() if day >= first}}


def _missing(fewer: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """Return what is missing now and was *before*, of the days between two others."""
    stayed = {day: min(number, before.get(day, 0)) for day, number in fewer.items()}
    return {d: n for d, n in stayed.items() if n > 0 and {*_neighbours(d)} <= fewer.keys()}


def _neighbours(day: str) -> Iterator[str]:
    for step in (-1, 1):
        yield (date.fromisoformat(day) + timedelta(days=step)).isoformat()


def _verdict(fewer: Mapping[str, int], moved: bool, agreed: int, missing: Mapping[str, int]) -> str:
    if moved:
        return MOVED
    if not any(fewer.values()):
        return AGREE
    if agreed < ENOUGH:
        return UNPROVEN
    return MISSING if missing else AGAIN
