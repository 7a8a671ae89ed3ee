"""The periods that the page offers, and the hours or days that a period consists of. Pure."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cmc_webhook.reading.times import Period

NAMED = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
OFFERED = ("all", *NAMED, "own")
_HOURS_UP_TO = timedelta(days=3)
# A chart has room for no more bars; in a longer period each bar is several days.
_MOST_BARS = 92


def last(length: timedelta, now: datetime) -> Period:
    """Return the period of *length* until the end of the current minute."""
    until = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return Period(until - length, until)


def is_hourly(period: Period) -> bool:
    """Return whether *period* is short enough to be split into hours."""
    return period.until - period.since <= _HOURS_UP_TO


def split(period: Period, zone: ZoneInfo) -> list[Period]:
    """Return the hours or days of *period* in *zone*; the first and last may be shorter."""
    edge = period.since.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    if is_hourly(period):
        # Count in UTC: a local hour may be missing or occur twice.
        edge, step = edge.astimezone(UTC), timedelta(hours=1)
    else:
        # Arithmetic on a local time moves the wall clock, so midnight stays midnight.
        edge = edge.replace(hour=0)
        step = timedelta(days=1 + (period.until - period.since).days // _MOST_BARS)
    edges = [period.since]
    while (edge := edge + step) < period.until:
        edges += [edge.astimezone(UTC)] if edge > period.since else []
    return [Period(*pair) for pair in itertools.pairwise([*edges, period.until])]
