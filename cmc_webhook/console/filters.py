"""What an address of the page asks for, read from its parameters. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from cmc_webhook.console import periods
from cmc_webhook.console.meanings import CAUSES, STATUSES
from cmc_webhook.console.periods import NAMED, Period
from cmc_webhook.reading.queries import Cursor, parse_cursor
from cmc_webhook.reading.statuses import Filters
from cmc_webhook.text import ascii_lower

Parameters = MultiDict[str, str]
# A longer value cannot be in an indexed field.
_LONGEST = 1_500
# The way back through more pages would make too long an address.
_MOST_PAGES = 40
_LOWER = ("to", "domain")
_EXACT = ("message_id", "api_data", "composition")


class BadChoiceError(Exception):
    """A parameter cannot be used; the text is its name."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The filters, the name of their period, and the parameters that say the same."""

    filters: Filters
    period: str
    parameters: dict[str, list[str]]


def read_choice(given: Parameters, zone: ZoneInfo, now: datetime, default: str) -> Choice:
    """Return what *given* asks for, by default in the period *default*, or raise BadChoiceError."""
    texts = {name: _text(given, name) for name in (*_LOWER, *_EXACT)}
    period, since, until = _period(given, zone, now, default)
    filters = Filters(
        **{n: ascii_lower(texts[n]) for n in _LOWER},
        **{n: texts[n] for n in _EXACT},
        statuses=_statuses(given),
        cause=_one_of(given, "cause", ("", *CAUSES)),
        since=since,
        until=until,
    )
    names = ("status", *texts, "cause", "period", "since", "until")
    kept = {name: [v for v in given.getlist(name) if v] for name in names}
    return Choice(filters, period, {name: values for name, values in kept.items() if values})


def read_trail(given: Parameters) -> list[tuple[str, Cursor]]:
    """Return the cursors of the pages up to the one that is asked for, as text and as such."""
    texts = given.getlist("after")[-_MOST_PAGES:]
    return [(text, _cursor(text)) for text in texts]


def period_of(filters: Filters) -> Period:
    """Return the period of *filters*, which must have both ends, or raise BadChoiceError."""
    if filters.since is None or filters.until is None or filters.since >= filters.until:
        raise BadChoiceError("since, until")
    return Period(filters.since, filters.until)


def _period(
    given: Parameters, zone: ZoneInfo, now: datetime, default: str
) -> tuple[str, datetime | None, datetime | None]:
    since, until = (_time(given, name, zone) for name in ("since", "until"))
    name = _one_of(given, "period", ("", "all", "own", *NAMED))
    # Filled in ends mean what they say only under a period of one's own.
    name = name or ("own" if since or until else default)
    if name in NAMED:
        period = periods.last(NAMED[name], now)
        return name, period.since, period.until
    return (name, since, until) if name == "own" else (name, None, None)


def _text(given: Parameters, name: str) -> str:
    value = given.get(name, "").strip()
    if len(value.encode(errors="replace")) > _LONGEST:
        raise BadChoiceError(name)
    return value


def _one_of(given: Parameters, name: str, values: Sequence[str]) -> str:
    value = given.get(name, "")
    if value not in values:
        raise BadChoiceError(name)
    return value


def _statuses(given: Parameters) -> tuple[str, ...]:
    chosen = dict.fromkeys(filter(None, given.getlist("status")))
    if not chosen.keys() <= STATUSES.keys():
        raise BadChoiceError("status")
    return tuple(chosen)


def _time(given: Parameters, name: str, zone: ZoneInfo) -> datetime | None:
    text = given.get(name, "")
    try:
        return periods.read_time(text, zone) if text else None
    except ValueError:
        raise BadChoiceError(name) from None


def _cursor(text: str) -> Cursor:
    try:
        cursor = parse_cursor(text)
    except ValueError:
        raise BadChoiceError("after") from None
    if not 2000 <= cursor.at.year <= 2100 or not is_document_id(cursor.document_id):
        raise BadChoiceError("after")
    return cursor


def is_document_id(text: str) -> bool:
    """Whether *text* may be the id of a document: of one path segment, and not reserved."""
    ordinary = 0 < len(text.encode(errors="replace")) <= _LONGEST and "/" not in text
    return ordinary and text not in (".", "..") and not re.fullmatch("__.*__", text, re.DOTALL)
