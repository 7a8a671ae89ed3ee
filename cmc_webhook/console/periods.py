"""Periods of time, and the hours or days that they consist of. Pure."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

NAMED = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
_MINUTE = timedelta(minutes=1)
_HOURS_UP_TO = timedelta(days=3)
# As many as a chart can show; longer periods are cut into longer pieces.
_MOST_BUCKETS = 92


@dataclass(frozen=True, slots=True)
class Period:
    """From *since* up to but not including *until*, in UTC."""

    since: datetime
    until: datetime


def last(length: timedelta, now: datetime) -> Period:
    """Return the *length* that ends with the minute of *now*, so that what is new is in it."""
    until = now.replace(second=0, microsecond=0) + _MINUTE
    return Period(until - length, until)


def read_time(text: str, zone: ZoneInfo) -> datetime:
    """Return *text* in UTC, taken as of *zone* without an offset, or raise ValueError."""
    time = datetime.fromisoformat(text)
    if not 2000 <= time.year <= 2100:
        raise ValueError(f"{text!r} is not between 2000 and 2100")
    return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)


def is_hourly(period: Period) -> bool:
    """Whether *period* is so short that it consists of hours."""
    return period.until - period.since <= _HOURS_UP_TO


def buckets(period: Period, zone: ZoneInfo) -> list[Period]:
    """Return the hours or days of *period*, as they are in *zone*; the ends may be cut."""
    edges = [period.since, *_edges(period, zone), period.until]
    return [Period(*pair) for pair in itertools.pairwise(edges)]


def _edges(period: Period, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the full hours or midnights strictly inside *period*, in UTC."""
    since = period.since.astimezone(zone)
    if is_hourly(period):
        # In UTC, because a local hour may be missing or come twice.
        edge = since.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
        while (edge := edge + timedelta(hours=1)) < period.until:
            if edge > period.since:
                yield edge
        return
    step = timedelta(days=1 + (period.until - period.since).days // _MOST_BUCKETS)
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
    # Arithmetic on a local time is on the wall clock, so that midnight stays midnight.
    while (midnight := midnight + step).astimezone(UTC) < period.until:
        yield midnight.astimezone(UTC)
