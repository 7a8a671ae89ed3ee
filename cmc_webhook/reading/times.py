"""Times as people read and write them, and periods of time. Pure."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

# The function accepts no other event times.
_YEARS = range(2000, 2101)


@dataclass(frozen=True, slots=True)
class Period:
    """From *since* up to but not including *until*, in UTC."""

    since: datetime
    until: datetime


def in_zone(time: datetime, zone: ZoneInfo) -> datetime:
    """Return *time* in *zone*; in UTC where that is before the year 1 or after 9999."""
    try:
        return time.astimezone(zone)
    except OverflowError:
        return time.astimezone(UTC)


def shown(value: Any, zone: ZoneInfo, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return *value* as text for people, with the times in it in *zone*; "" for None."""
    match value:
        case datetime():
            local = in_zone(value, zone)
            return local.strftime(pattern) + ("" if local.tzinfo is zone else " UTC")
        case list():
            return ", ".join(shown(each, zone, pattern) for each in value)
        case dict():
            return " ".join(
                f"{name}: {shown(each, zone, pattern)}" for name, each in sorted(value.items())
            )
        case bytes():
            return base64.b64encode(value).decode()
        case None:
            return ""
        case _:
            return str(value)


def read_time(text: str, zone: ZoneInfo) -> datetime:
    """Return the ISO time *text* in UTC; without an offset it is in *zone*. Raises ValueError."""
    time = datetime.fromisoformat(text)
    if time.year not in _YEARS:
        raise ValueError(f"{text!r} is not between 2000 and 2100")
    return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
