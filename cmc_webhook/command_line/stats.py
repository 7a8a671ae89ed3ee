"""`stats`: count the mails by status, day, cause and domain."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line import table
from cmc_webhook.command_line.filters import CAUSES, TextType
from cmc_webhook.command_line.rendering import as_json, coloured
from cmc_webhook.command_line.statuses import nothing_found
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.options import connected, firestore_options
from cmc_webhook.reading.statuses import Filters, MailStatuses
from cmc_webhook.status.events import Status

_NEWEST = 1000
_MOST_DOMAINS = 10
_WIDEST_BAR = 40

Counts = dict[str, int]


@click.command()
@click.option("--days", default=7, type=click.IntRange(1, 366), show_default=True)
@click.option("--domain", default="", type=TextType(), help="Only recipients in this domain.")
@click.option("--json", "as_object", is_flag=True, help="One JSON object.")
@firestore_options
def stats(where: FirestoreOptions, days: int, domain: str, as_object: bool) -> None:
    """
    Count the mails of the last days by status, day and cause.

    Firestore counts. Only the domains are counted here, of the newest 1000 mails.

    \b
    python -m cmc_webhook stats
    python -m cmc_webhook stats --days 30 --domain example.jp --json
    """
    connection = connected(where)
    statuses = MailStatuses(connection.client, connection.collection)
    today = datetime.now(connection.zone).date()
    dates = [today - timedelta(days=before) for before in reversed(range(days))]
    filters = _within(Filters(domain=domain), dates[0], today, connection.zone)
    each_day = {day.isoformat(): _within(filters, day, day, connection.zone) for day in dates}
    by_status = _by_status(statuses, filters)
    by_day = _by_day(statuses, each_day, by_status)
    by_cause = _by_cause(statuses, filters)
    domains = dict(statuses.domains(filters, _NEWEST).most_common(_MOST_DOMAINS))
    if as_object:
        counts = {"statuses": by_status, "days": by_day, "causes": by_cause, "domains": domains}
        click.echo(as_json(counts, connection.zone))
    elif by_status:
        for line in _report(by_status, by_day, by_cause, domains):
            click.echo(line)
    if not by_status:
        period = "today" if days == 1 else f"in the last {days} days"
        reason = f"to {table.printable(domain)} {period}" if domain else period
        click.echo(nothing_found(reason, filters, statuses, where, connection.zone), err=True)


def _within(filters: Filters, first: date, last: date, zone: ZoneInfo) -> Filters:
    """Return *filters* with the period of these days in *zone*."""
    return replace(
        filters, since=_midnight(first, zone), until=_midnight(last + timedelta(days=1), zone)
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _by_status(statuses: MailStatuses, filters: Filters) -> Counts:
    names = [status.value for status in Status]
    counts = statuses.counts(replace(filters, statuses=(name,)) for name in names)
    return _without_zeros(dict(zip(names, counts, strict=True)))


def _by_day(
    statuses: MailStatuses, each_day: Mapping[str, Filters], names: Collection[str]
) -> dict[str, Counts]:
    """Return the counts of each day that has mails; *names* are the statuses to count."""
    if not names:
        return {}
    totals = statuses.counts(each_day.values())
    by_day: dict[str, Counts] = {d: {} for d, total in zip(each_day, totals, strict=True) if total}
    each = [(day, name) for day in by_day for name in names]
    counts = statuses.counts(replace(each_day[day], statuses=(name,)) for day, name in each)
    for (day, name), count in zip(each, counts, strict=True):
        by_day[day][name] = count
    return {day: _without_zeros(found) for day, found in by_day.items()}


def _by_cause(statuses: MailStatuses, filters: Filters) -> Counts:
    counts = statuses.counts(replace(filters, causes=(cause,)) for cause in CAUSES)
    found = _without_zeros(dict(zip(CAUSES, counts, strict=True)))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _without_zeros(counts: Counts) -> Counts:
    return {name: count for name, count in counts.items() if count}


def _report(
    by_status: Counts, by_day: Mapping[str, Counts], by_cause: Counts, domains: Counts
) -> Iterator[str]:
    yield f"{sum(by_status.values()):,} mails"
    yield from _bars("status", by_status)
    days = {day: sum(counts.values()) for day, counts in by_day.items()}
    yield from _bars("day", days, {day: _parts(counts) for day, counts in by_day.items()})
    yield from _bars("cause", by_cause)
    yield from _bars(f"domain, of the newest {_NEWEST}", domains)


def _bars(heading: str, counts: Counts, notes: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield a line with a bar for each count, and its note below."""
    if not counts:
        return
    yield ""
    yield click.style(heading, bold=True)
    names = {name: table.printable(name) or "none" for name in counts}
    label = max(map(table.width, names.values()))
    digits = max(len(f"{count:,}") for count in counts.values())
    room = min(_WIDEST_BAR, max(10, table.terminal_width() - label - digits - 6))
    for name, count in counts.items():
        bar = coloured(table.bar(count, max(counts.values()), room), name)
        yield f"  {table.pad(names[name], label)}  {count:>{digits},}  {bar}"
        if notes:
            yield f"    {notes[name]}"


def _parts(counts: Counts) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())
