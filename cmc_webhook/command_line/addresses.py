"""`addresses`: whom not to mail."""

import shlex
import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import click

from cmc_webhook.command_line.rendering import columns, print_page
from cmc_webhook.reading.checking import MOST_BY_ID, MOST_SUCCESSES, Source, check
from cmc_webhook.reading.cli import confirm, progress_bar
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.csv_files import CsvFile, UnreadableFileError
from cmc_webhook.reading.decisions import store_decision
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.language import text, texts
from cmc_webhook.reading.opened import Connection, connected
from cmc_webhook.reading.stops import (
    COLUMNS,
    began,
    csv_lines,
    evidence,
    later_success,
    of_bounces_alone,
    rows,
)
from cmc_webhook.reading.table import printable
from cmc_webhook.reading.times import shown
from cmc_webhook.reading.verdicts import sentence, verdict_of
from cmc_webhook.status.addresses import address_id
from cmc_webhook.status.document import UnreadableDocumentError

_PAGE = 500


def list_addresses(
    where: FirestoreOptions,
    as_csv: bool,
    cause: str | None,
    domain: str,
    since: datetime | None,
    **page: Any,
) -> None:
    """Print the addresses that are not to be mailed, the latest end first."""
    connection = connected(where)
    keep, about = began(since, None), (connection.statuses, texts(), connection.zone)
    listing = connection.addresses.stopped(
        datetime.now(UTC), cause=cause or "", domain=domain, keep=keep
    )
    if as_csv:
        with click.open_file("-", "wb") as file:
            file.writelines(map(str.encode, csv_lines(listing.pages(_PAGE), *about)))
        return
    print_page(
        listing,
        connection.zone,
        rows=lambda found: columns(COLUMNS, [*rows([*filter(keep, found)], *about)], (1, 4)),
        empty=lambda: text("stops.none"),
        **page,
    )


def check_file(
    where: FirestoreOptions,
    file: IO[bytes],
    column: str,
    composition: str | None,
    output: Path | None,
) -> None:
    """Write the CSV *file* again, with three columns that say who may be mailed."""
    connection = connected(where)
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        if not file.seekable():
            copy = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(file, copy)
            file = copy
        # Half an answer would look like a whole one, so it is given when it is complete.
        answer = stack.enter_context(tempfile.TemporaryFile())
        try:
            table = CsvFile(file, column)
            source = Source(
                connection.addresses,
                connection.statuses,
                datetime.now(UTC),
                composition,
                many=table.length > MOST_BY_ID,
            )
            with progress_bar(length=table.length) as bar:
                for part in check(table, answer, source, texts(), connection.zone):
                    counts.update(part)
                    bar.update(part.total())
        except UnreadableFileError as error:
            raise click.ClickException(printable(text(error.key, **error.values))) from error
        answer.seek(0)
        with click.open_file(output or "-", "wb") as target:
            shutil.copyfileobj(answer, target)
    total, allowed = counts.total(), counts.pop("", 0)
    summary = [text("checked.rows", count=f"{total:,}", allowed=f"{allowed:,}")]
    summary += (text("checked.no", count=f"{n:,}", why=why) for why, n in counts.most_common())
    if source.successes_asked == MOST_SUCCESSES:
        summary.append(text("checked.successes", count=f"{MOST_SUCCESSES:,}"))
    summary.append(text("checked.cost", calls=f"{source.calls:,}", reads=f"{source.reads:,}"))
    click.echo("\n".join(summary), err=True)


def show(where: FirestoreOptions, address: str) -> None:
    """Print whether an address may be mailed, and what that rests on."""
    connection = connected(where)
    document = _describe(connection, address)
    if document and not verdict_of(document, datetime.now(UTC)).allows():
        click.echo(printable(text("stops.how_to_allow", address=shlex.quote(address))))


def allow(where: FirestoreOptions, address: str, note: str, yes: bool) -> None:
    """Show what speaks against an address, ask, and store that it may be mailed."""
    connection = connected(where)
    document = _describe(connection, address)
    if document is None:
        click.echo(text("stops.nothing_to_allow"))
        return
    if document.fields.get("unsubscribed_from"):
        click.echo(text("stops.unsubscription"))
    click.echo(text("stops.cmc"))
    if not yes:
        confirm(printable(text("stops.ask_allow", address=address)))
    _decide(connection, address, "allow", note)


def block(where: FirestoreOptions, address: str, note: str) -> None:
    """Store that an address is not to be mailed."""
    _decide(connected(where), address, "block", note)


def edited(connection: Connection, address: str) -> click.ClickException:
    """Return the error for an address whose document somebody edited so that it is unreadable."""
    path = f"{connection.addresses.collection.id}/{address_id(address)}"
    return click.ClickException(text("stops.unreadable", path=path))


def _decide(connection: Connection, address: str, decision: str, note: str) -> None:
    addresses = connection.addresses
    try:
        store_decision(addresses.collection, address, decision, note)
    except UnreadableDocumentError:
        raise edited(connection, address) from None
    verdict = verdict_of(addresses.get(address), datetime.now(UTC))
    click.echo(printable(sentence(verdict, texts(), connection.zone)))


def _describe(connection: Connection, address: str) -> Document | None:
    """Print the verdict on an address and what it rests on, which is returned."""
    zone, statuses = connection.zone, connection.statuses
    document = connection.addresses.get(address)
    verdict = verdict_of(document, datetime.now(UTC))
    click.echo(click.style(printable(address), bold=True))
    click.echo(printable(sentence(verdict, texts(), zone)))
    if document is None:
        return None
    if verdict.cause and of_bounces_alone([document], statuses):
        click.echo(text("stops.alone"))
    if verdict.cause and (at := later_success(verdict, address, statuses)):
        click.echo(text("stops.later_success", time=shown(at, zone)))
    decided, facts = evidence(document, texts(), zone)
    for line in decided:
        click.echo(printable(line))
    if facts:
        click.echo(f"\n{click.style(text('stops.facts'), bold=True)}")
    for fact, reply in facts:
        click.echo(printable(fact))
        if reply:
            click.echo(f"    {printable(reply)}")
    return document
