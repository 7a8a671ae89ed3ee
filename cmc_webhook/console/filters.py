"""The filters in a URL of the page, read from its query parameters. Pure."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from cmc_webhook.console import periods
from cmc_webhook.reading.counts import OUTCOMES
from cmc_webhook.reading.meanings import FILTERS
from cmc_webhook.reading.pasted import Search
from cmc_webhook.reading.statuses import Filters
from cmc_webhook.reading.times import read_day, read_time
from cmc_webhook.status.diagnosis import Receiver
from cmc_webhook.status.events import Status

Parameters = MultiDict[str, str]
# Indexed fields cannot hold longer values.
_LONGEST = 1_500
# The parameters of a mailing.
MAILING = ("day", "subject", "receiver", "outcome", "late")
NAMES = ("q", "by", "status", *FILTERS, "composition", "period", "since", "until", *MAILING)


class BadParameterError(Exception):
    """A parameter has a value that cannot be used; the text is the parameter's name."""


class UrlFilters(NamedTuple):
    """The filters, the name of their period, and the URL parameters that mean the same."""

    filters: Filters
    period: str
    parameters: dict[str, Any]


def read_question(given: Parameters) -> tuple[str, str]:
    """Return the text to search for, and the name of a search to prefer or "". May raise, too."""
    return read_text(given, "q"), _once(given, "by")


def read_filters(
    given: Parameters, zone: ZoneInfo, now: datetime, period: str, search: Search | None = None
) -> UrlFilters:
    """Return the filters that *given* asks for, by default *period*. Raises BadParameterError."""
    period, since, until = read_period(given, zone, now, period)
    chosen = {
        field: tuple(filter(None, [read_one_of(given, name, ("", *words))]))
        for name, (words, field) in FILTERS.items()
    }
    outcome = read_one_of(given, "outcome", ("", *OUTCOMES, "open"))
    filters = Filters(
        **chosen,  # type: ignore[arg-type]  # its fields have several types
        search=search,
        statuses=_statuses(given),
        composition=read_text(given, "composition"),
        since=since,
        until=until,
        days=_days(given, now),
        subject=_once(given, "subject"),  # exactly, as documents have it
        receiver=read_one_of(given, "receiver", ("", *Receiver)),
        outcomes=(outcome,) if outcome else (),
        late=read_one_of(given, "late", ("", "1")) == "1",
    )
    if filters.are_too_many():
        raise BadParameterError("day")
    kept = {name: values for name in NAMES if (values := [*filter(None, given.getlist(name))])}
    return UrlFilters(filters, period, kept)


def read_period(
    given: Parameters, zone: ZoneInfo, now: datetime, default: str
) -> tuple[str, datetime | None, datetime | None]:
    """Return the name of the period and its two ends. Raises BadParameterError."""
    since, until = (_time(given, name, zone, now) for name in ("since", "until"))
    name = read_one_of(given, "period", ("", "all", "own", *periods.NAMED))
    # A form also sends its two times when a named period is selected; they count only for "own".
    name = name or ("own" if since or until else default)
    if name in periods.NAMED:
        period = periods.last(periods.NAMED[name], now)
        return name, period.since, period.until
    return (name, since, until) if name == "own" else (name, None, None)


def _once(given: Parameters, name: str) -> str:
    """Return the only value of *name*, "" for none. Raises BadParameterError if two or long."""
    values = [*filter(None, given.getlist(name))]
    value = "".join(values)
    if len(values) > 1 or len(value.encode(errors="replace")) > _LONGEST:
        raise BadParameterError(name)
    return value


def read_text(given: Parameters, name: str) -> str:
    """Return the only value of *name* without blanks around it. Raises BadParameterError."""
    return _once(given, name).strip()


def read_one_of(given: Parameters, name: str, values: Collection[str]) -> str:
    """Return the only value of *name*. Raises BadParameterError if it is not of *values*."""
    value = _once(given, name)
    if value not in values:
        raise BadParameterError(name)
    return value


def _statuses(given: Parameters) -> tuple[str, ...]:
    chosen = dict.fromkeys(filter(None, given.getlist("status")))
    if not chosen.keys() <= {*Status}:
        raise BadParameterError("status")
    return tuple(chosen)


def _days(given: Parameters, now: datetime) -> tuple[str, ...]:
    try:
        days = {read_day(text, now) for text in given.getlist("day") if text}
    except ValueError:
        raise BadParameterError("day") from None
    return tuple(sorted(days, reverse=True))


def _time(given: Parameters, name: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    text = _once(given, name)
    try:
        return read_time(text, zone, now) if text else None
    except ValueError:
        raise BadParameterError(name) from None
