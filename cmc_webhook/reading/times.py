"""Times as people read and write them, and periods of time. Pure."""

import base64
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

# The function accepts no other event times.
_YEARS = range(2000, 2101)
_JAPAN = ZoneInfo("Asia/Tokyo")
_DAYS_AGO = {"today": 0, "今日": 0, "本日": 0, "yesterday": 1, "昨日": 1}
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_DATE = re.compile(r"(?:([0-9]{4})[-/])?([0-9]{1,2})[-/]([0-9]{1,2})(?:[ T]+([0-9]{1,2})(:.+))?")


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


def read_time(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return in UTC a time as people write it, in *zone* unless it has an offset; or ValueError."""
    # 2026-11-27, 2026/11/27 9:00, 11/27 (the last one until now), today, 昨日 (0 o'clock), 2h (so
    # long before now), ISO 8601.
    written = unicodedata.normalize("NFKC", text).strip()
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if (days := _DAYS_AGO.get(written.casefold())) is not None:
        return (today - timedelta(days=days)).astimezone(UTC)
    try:
        if length := re.fullmatch("([0-9]+)([mhd])", written):
            time = now - timedelta(**{_UNITS[length[2]]: int(length[1])})
        else:
            time = datetime.fromisoformat(_iso(written, today))
    except OverflowError:
        raise ValueError(f"{text!r} is too long ago") from None
    if time.year not in _YEARS:
        raise ValueError(f"{text!r} is not between 2000 and 2100")
    return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)


def read_day(text: str, now: datetime) -> str:
    """Return a day as people write it, in Japan, as ``yyyy-mm-dd``; or ValueError."""
    return read_time(text, _JAPAN, now).astimezone(_JAPAN).date().isoformat()


def _iso(written: str, today: datetime) -> str:
    """Return a date as people write it in the form of ISO 8601, any other text as it is."""
    found = _DATE.fullmatch(written)
    if not found:
        return written
    month, day, hour = int(found[2]), int(found[3]), int(found[4] or 0)
    year = int(found[1] or today.year - ((month, day) > (today.month, today.day)))
    return f"{year:04}-{month:02}-{day:02}T{hour:02}{found[5] or ':00'}"
