"""The options that filter mails, the same for every command."""

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from cmc_webhook.reading.connection import settings_here
from cmc_webhook.reading.meanings import FILTERS
from cmc_webhook.reading.statuses import Filters
from cmc_webhook.reading.times import read_time
from cmc_webhook.status.events import Status


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


class ZoneType(click.ParamType[ZoneInfo]):
    """The name of a time zone."""

    name = "zone"

    def convert(self, value: Any, param: Any, ctx: Any) -> ZoneInfo:
        """Return the zone."""
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is not a time zone such as Asia/Tokyo.", param, ctx)


class TextType(click.ParamType[str]):
    """A text that is not blank: a blank one would choose all mails."""

    name = "text"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return it."""
        if value and not value.strip():
            self.fail("It is blank.", param, ctx)
        return str(value)


_OPTIONS = (
    click.option(
        "--status",
        "statuses",
        multiple=True,
        type=click.Choice([status.value for status in Status]),
        help="Only this status; may be repeated.",
    ),
    click.option("--to", default="", type=TextType(), help="Only this recipient."),
    click.option("--domain", default="", type=TextType(), help="Only recipients in this domain."),
    click.option("--message-id", default="", type=TextType(), help="Only this message id."),
    click.option("--api-data", default="", type=TextType(), help="Only this X-Api-Data."),
    *(
        click.option(
            f"--{name}",
            field,
            multiple=True,
            type=click.Choice(sorted(words)),
            metavar=name.upper(),
            help=f"Only this {name}; may be repeated: {', '.join(sorted(words))}.",
        )
        for name, (words, field) in FILTERS.items()
    ),
    click.option(
        "--composition", default="", type=TextType(), help="Only this server composition."
    ),
    click.option(
        "--since", type=TimeType(), help="Only mails whose status is of this time or later."
    ),
    click.option(
        "--until", type=TimeType(), help="Only mails whose status is older than this time."
    ),
)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options that filter mails, as its argument *filters*."""

    @functools.wraps(command)
    def with_filters(**options: Any) -> Any:
        names = Filters.__dataclass_fields__
        filters = Filters(**{name: options.pop(name) for name in names if name in options})
        if filters.are_too_many():
            raise click.UsageError("Too many values of options at once; ask for fewer.")
        return command(filters=filters, **options)

    for option in reversed(_OPTIONS):
        with_filters = option(with_filters)
    return with_filters
