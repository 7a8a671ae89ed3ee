"""What a run of `reconcile` says in a terminal. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cmc_webhook.reading import table
from cmc_webhook.reading.language import text, texts
from cmc_webhook.reconcile.backfill import Backfill
from cmc_webhook.reconcile.listings import ROWS
from cmc_webhook.reconcile.totals import FIGURES, Figures


def totals(composition: str, here: Figures, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield CMC's figures, in brackets by how much ours differ, and what that means."""
    theirs, names = found["figures"], [text(f"figure.{figure}") for figure in FIGURES]
    yield text("reconcile.totals", composition=table.printable(composition))
    rows = [
        [day, *(_cell(theirs.get(day), ours, f) for f in FIGURES)] for day, ours in here.items()
    ]
    yield from _columns([[text("reconcile.day"), *names], *rows])
    if found["remembered"]:
        yield text("reconcile.remembered", days=texts().listed(found["remembered"]))
    for name, figure in zip(names, FIGURES, strict=True):
        judged = found["judged"][figure]
        yield text(f"comparing.{judged['verdict']}", figure=name)
        yield from (f"  {day}  {number:,}" for day, number in sorted(judged["missing"].items()))


def _cell(theirs: Mapping[str, int] | None, ours: Mapping[str, int], figure: str) -> str:
    if theirs is None:
        return f"? ({ours[figure]:,})"
    differ = ours[figure] - theirs[figure]
    return f"{theirs[figure]:,} ({differ:+,})" if differ else f"{theirs[figure]:,}"


def brought(kind: str, backfill: Backfill, expected: str) -> Iterator[str]:
    """Yield what came and became of it, and what it shows of what CMC does not document."""
    found, lacked = backfill.measured, backfill.lacked
    if kind == "deliveries":
        names = ("status", "hour", "at_cmc", "not_here")
        cells = [
            (texts().name("status", key[0]), f"{key[1]:02}", f"{count:,}", f"{lacked[key]:,}")
            for key, count in backfill.found.items()
        ]
        yield from _columns([[text(f"reconcile.{name}") for name in names], *cells])
        yield text("reconcile.whole_day", expected=expected)
    numbers = {"rows": f"{found.rows:,}", "lacked": f"{lacked.total():,}"}
    yield text("reconcile.brought" if backfill.stores else "reconcile.would_bring", **numbers)
    if backfill.unreadable:
        yield text("reconcile.unreadable", count=f"{backfill.unreadable:,}")
    unknown, shift = text("measured.unknown"), found.shift()
    zone = text("measured.other_zone", shift=f"{shift:+g}") if shift else text("measured.same_zone")
    yield text(
        "measured.all",
        compared=found.compared,
        ids=found.same_ids,
        texts=found.other_texts,
        zone=zone if found.compared else unknown,
        largest=found.largest_page,
        asked=ROWS,
        end=text(f"measured.end_{found.end}") if found.end else unknown,
    )


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in table.lines(rows, table.terminal_width(), [len(rows[0]) - 1]):
        yield f"  {table.joined(row)}"
