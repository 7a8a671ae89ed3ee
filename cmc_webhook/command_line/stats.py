"""`stats`: count the mails by status, day, cause and domain."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line.rendering import as_json, coloured
from cmc_webhook.command_line.statuses import nothing_found
from cmc_webhook.reading import table
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.counts import Counts, MailCounts
from cmc_webhook.reading.language import text, texts
from cmc_webhook.reading.opened import connected
from cmc_webhook.reading.statuses import Filters
from cmc_webhook.reading.times import Period

_NEWEST = 1000
_MOST_DOMAINS = 10
_WIDEST_BAR = 40


def stats(where: FirestoreOptions, days: int, domain: str, as_object: bool) -> None:
    """Print how many mails of the last days there are by status, day and cause."""
    connection = connected(where)
    statuses = connection.statuses
    today = datetime.now(connection.zone).date()
    dates = [today - timedelta(days=before) for before in reversed(range(days))]
    period = _period(dates[0], today, connection.zone)
    filters = Filters(domain=domain, since=period.since, until=period.until)
    counts = MailCounts(statuses)
    by_status = counts.by_status(filters)
    each_day = [_period(day, day, connection.zone) for day in dates]
    over_time = counts.over_time(filters, each_day, by_status)
    by_day = {str(day): found for day, found in zip(dates, over_time, strict=True) if found}
    by_cause = counts.by_cause(filters)
    domains = dict(statuses.domains(filters, _NEWEST).most_common(_MOST_DOMAINS))
    if as_object:
        result = {"statuses": by_status, "days": by_day, "causes": by_cause, "domains": domains}
        click.echo(as_json(result, connection.zone))
    elif by_status:
        for line in _report(by_status, by_day, by_cause, domains):
            click.echo(line)
    if not by_status:
        click.echo(nothing_found(filters, statuses, where, connection.zone), err=True)


def _period(first: date, last: date, zone: ZoneInfo) -> Period:
    days = (first, last + timedelta(days=1))
    return Period(*(datetime.combine(day, time(), zone).astimezone(UTC) for day in days))


def _report(
    by_status: Counts, by_day: Mapping[str, Counts], by_cause: Counts, domains: Counts
) -> Iterator[str]:
    yield text("stats.mails", count=f"{sum(by_status.values()):,}")
    yield from _bars("status", by_status)
    days = {day: sum(counts.values()) for day, counts in by_day.items()}
    yield from _bars("day", days, {day: _parts(counts) for day, counts in by_day.items()})
    yield from _bars("cause", by_cause)
    yield from _bars("domain", domains)


def _bars(of: str, counts: Counts, notes: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield a line with a bar for each count, and its note below; *of* says what is counted."""
    if not counts:
        return
    yield ""
    yield click.style(text(f"stats.by_{of}", newest=_NEWEST), bold=True)
    none = text("dashboard.none")
    names = {word: table.printable(texts().name(of, word)) or none for word in counts}
    label = max(map(table.width, names.values()))
    digits = max(len(f"{count:,}") for count in counts.values())
    room = min(_WIDEST_BAR, max(10, table.terminal_width() - label - digits - 6))
    for name, count in counts.items():
        bar = coloured(table.bar(count, max(counts.values()), room), name)
        yield f"  {table.pad(names[name], label)}  {count:>{digits},}  {bar}"
        if notes:
            yield f"    {notes[name]}"


def _parts(counts: Counts) -> str:
    names = ((texts().name("status", word), count) for word, count in counts.items())
    return ", ".join(f"{name} {count:,}" for name, count in names)
