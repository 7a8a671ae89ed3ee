"""Times on the command line, in the time zone of CMC_TIME_ZONE."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from cmc_webhook.reading.connection import settings_here

# The function accepts no other years.
_YEARS = range(2000, 2101)


class TimeType(click.ParamType[datetime]):
    """A date or a time, in CMC_TIME_ZONE unless it has an offset."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """Return it in UTC. Raises SettingsError."""
        try:
            time = datetime.fromisoformat(value)
            if time.year not in _YEARS:
                raise ValueError(value)
        except ValueError:
            self.fail(
                f"{value!r} is not a time such as 2025-01-25 or '2025-01-25 14:03'.", param, ctx
            )
        local = time if time.tzinfo else time.replace(tzinfo=settings_here().time_zone)
        return local.astimezone(UTC)


def shown(time: Any, zone: ZoneInfo, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return *time* in *zone*, an empty text for None, and any other value as text."""
    if isinstance(time, datetime):
        return time.astimezone(zone).strftime(pattern)
    return str(time or "")
