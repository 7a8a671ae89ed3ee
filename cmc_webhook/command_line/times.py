"""Times as people write and read them, in the zone of CMC_TIME_ZONE."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from cmc_webhook.reading.connection import settings_here
from cmc_webhook.settings import SettingsError

# In which the function takes a time for one.
_YEARS = range(2000, 2101)


class TimeType(click.ParamType[datetime]):
    """A date or a time; without an offset it is one of CMC_TIME_ZONE."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """Return it in UTC."""
        try:
            time = datetime.fromisoformat(value)
            if time.year not in _YEARS:
                raise ValueError(value)
        except ValueError:
            self.fail(f"{value!r} is no time such as 2025-01-25 or '2025-01-25 14:03'.", param, ctx)
        try:
            local = time if time.tzinfo else time.replace(tzinfo=settings_here().time_zone)
        except SettingsError as error:
            raise click.UsageError(str(error)) from error
        return local.astimezone(UTC)


class ZoneType(click.ParamType[ZoneInfo]):
    """A time zone by its name."""

    name = "zone"

    def convert(self, value: Any, param: Any, ctx: Any) -> ZoneInfo:
        """Return the zone, or refuse a name that is none."""
        if isinstance(value, ZoneInfo):
            return value
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is no time zone such as Asia/Tokyo.", param, ctx)


def shown(time: Any, zone: ZoneInfo, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return *time* as it is in *zone*; nothing for none, and what is no time as it is."""
    if isinstance(time, datetime):
        return time.astimezone(zone).strftime(pattern)
    return str(time or "")
