"""Times on the command line, in the time zone of CMC_TIME_ZONE."""

from datetime import datetime
from typing import Any

import click

from cmc_webhook.reading.connection import settings_here
from cmc_webhook.reading.times import read_time


class TimeType(click.ParamType[datetime]):
    """A date or a time, in CMC_TIME_ZONE unless it has an offset."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """Return it in UTC. Raises SettingsError."""
        zone = settings_here().time_zone
        try:
            return read_time(value, zone)
        except ValueError:
            self.fail(
                f"{value!r} is not a time such as 2025-01-25 or '2025-01-25 14:03'.", param, ctx
            )
