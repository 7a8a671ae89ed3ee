"""`stats`: the numbers of the page's statistics, as a table, CSV or JSON."""

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from cmc_webhook.command_line.rendering import as_json
from cmc_webhook.command_line.statuses import nothing_found
from cmc_webhook.reading import table
from cmc_webhook.reading.campaigns import Mailing, Row, csv_lines, days_until, label, mailing
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.counts import RATES, cell
from cmc_webhook.reading.language import text, texts
from cmc_webhook.reading.opened import connected
from cmc_webhook.reading.statuses import Filters
from cmc_webhook.status.document import day_in_japan

# More do not fit into 80 columns.
_COLUMNS = ("received", "succeeded", "failed", "suppressed", *RATES)


def stats(
    where: FirestoreOptions, days: int, day: str | None, subject: str, domain: str, form: str
) -> None:
    """Print how the mails went that were queued on one day, or on the last days."""
    connection = connected(where)
    statuses = connection.statuses
    queued = (day,) if day else days_until(day_in_japan(datetime.now(UTC)), days)
    filters = Filters(domain=domain, days=queued, subject=subject)
    found = mailing(statuses, filters)
    if form == "json":
        tables = {
            kind: {row.label: row.numbers.columns() for row in rows}
            for kind, rows in found.tables.items()
        }
        click.echo(as_json({"total": found.total.columns(), **tables}, connection.zone))
    elif form == "csv":
        click.echo("".join(csv_lines(found, texts())), nl=False)
    elif found.total.received:
        click.echo("\n".join(_report(found)))
    if not found.total.received:
        click.echo(nothing_found(filters, statuses, where, connection.zone), err=True)


def _report(found: Mailing) -> Iterator[str]:
    names = [text(f"numbers.{name}") for name in _COLUMNS]
    for kind, rows in {"total": [Row("", found.total)], **found.tables}.items():
        lines = [[text(f"statistics.by_{kind}"), *names]]
        for row in rows:
            numbers = row.numbers.columns()
            cells = (cell(numbers[name], ",") for name in _COLUMNS)
            lines.append([label(kind, row, texts()), *cells])
        yield from map(table.joined, table.lines(lines, table.terminal_width(), [0]))
