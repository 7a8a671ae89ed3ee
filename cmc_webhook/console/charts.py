"""Computes the coordinates of a chart of stacked bars, which the template draws. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 760, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 8, 14, 40
_GAP = 0.15
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of a bar for one status."""

    status: str
    count: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of one hour or day."""

    x: float
    width: float
    segments: Sequence[Segment]


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars in order of time, and the grid lines: their y and the count that they stand for."""

    bars: Sequence[Bar]
    lines: Sequence[tuple[float, int]]
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    width: int = WIDTH
    height: int = HEIGHT


def chart(columns: Sequence[Mapping[str, int]], order: Iterable[str]) -> Chart:
    """Return the chart of *columns*. Statuses are stacked in *order*, the first at the bottom."""
    order = list(order)
    steps = ticks(max((sum(column.values()) for column in columns), default=0))
    unit = (HEIGHT - _TOP - _BOTTOM) / steps[-1]
    room = (WIDTH - _LEFT - _RIGHT) / max(1, len(columns))
    bars = [
        Bar(
            round(_LEFT + (place + _GAP / 2) * room, 2),
            round(room * (1 - _GAP), 2),
            list(_segments(column, order, unit)),
        )
        for place, column in enumerate(columns)
    ]
    return Chart(bars, [(round(HEIGHT - _BOTTOM - step * unit, 2), step) for step in steps])


def ticks(most: int) -> list[int]:
    """Return at most five round numbers from 0 to *most* or just above."""
    size = 1
    while True:
        for step in _STEPS:
            if step * size * 4 >= most:
                count = max(1, -(-most // (step * size)))
                return [step * size * number for number in range(count + 1)]
        size *= 10


def _segments(column: Mapping[str, int], order: Sequence[str], unit: float) -> Iterator[Segment]:
    below = 0
    for status in order:
        if count := column.get(status, 0):
            below += count
            y = HEIGHT - _BOTTOM - below * unit
            yield Segment(status, count, round(y, 2), round(count * unit, 2))
