"""`addresses`: whom not to mail."""

import shlex
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

import click

from cmc_webhook.command_line.commands import PageOptions
from cmc_webhook.command_line.paging import print_page
from cmc_webhook.command_line.rendering import columns
from cmc_webhook.reading.checking import MOST_BY_ID, MOST_SUCCESSES, Source, check
from cmc_webhook.reading.cli import confirm, progress_bar
from cmc_webhook.reading.connection import Connection, FirestoreOptions
from cmc_webhook.reading.csv_files import CsvFile, UnreadableFileError
from cmc_webhook.reading.decisions import store_decision
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.language import text, texts
from cmc_webhook.reading.mail_addresses import MailAddresses, StopFilters
from cmc_webhook.reading.meanings import short_cause
from cmc_webhook.reading.options import connected
from cmc_webhook.reading.spreadsheets import BOM, csv_line, safe_cell
from cmc_webhook.reading.statuses import MailStatuses
from cmc_webhook.reading.stops import later_success, of_bounces_alone
from cmc_webhook.reading.table import printable
from cmc_webhook.reading.times import shown
from cmc_webhook.reading.verdicts import cause_text, end_text, sentence, verdict_of
from cmc_webhook.status.addresses import address_id
from cmc_webhook.status.document import UnreadableDocumentError
from cmc_webhook.status.stop_rule import Operator, counted
from cmc_webhook.text import one_line

_PAGE = 500
_LONGEST_NOTE = 1_024
_COLUMNS = ("address", "reason", "since", "until", "remark")


def list_addresses(
    where: FirestoreOptions,
    as_csv: bool,
    cause: str | None,
    domain: str,
    since: datetime | None,
    page: PageOptions,
) -> None:
    """Print the addresses that are not to be mailed, the latest end first."""
    connection = connected(where)
    filters = StopFilters(since=datetime.now(UTC), cause=cause or "", domain=domain)
    listing = addresses_of(connection).stopped(filters)
    if as_csv:
        with click.open_file("-", "wb") as file:
            heads = (text(f"column.{name}") for name in _COLUMNS)
            file.write((BOM + csv_line(heads)).encode())
            for documents in listing.pages(_PAGE):
                for row in _rows(connection, documents, since):
                    file.write(csv_line(map(safe_cell, row)).encode())
        return
    print_page(
        listing,
        page,
        connection.zone,
        table=lambda found: columns(_COLUMNS, [*_rows(connection, found, since)], (1, 4)),
        empty=lambda: text("stops.none"),
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
                addresses_of(connection),
                _statuses(connection),
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
        with output.open("wb") if output else click.open_file("-", "wb") as target:
            shutil.copyfileobj(answer, target)
    rows, allowed = counts.total(), counts.pop("", 0)
    summary = [text("checked.rows", count=f"{rows:,}", allowed=f"{allowed:,}")]
    summary += (text("checked.no", count=f"{n:,}", why=why) for why, n in counts.most_common())
    if source.successes_asked == MOST_SUCCESSES:
        summary.append(text("checked.successes", count=f"{MOST_SUCCESSES:,}"))
    summary.append(text("checked.cost", calls=f"{source.calls:,}", reads=f"{source.reads:,}"))
    click.echo("\n".join(summary), err=True)


def show(where: FirestoreOptions, address: str) -> None:
    """Print whether an address may be mailed, and what that rests on."""
    connection = connected(where)
    document = addresses_of(connection).get(address)
    _describe(connection, address, document)
    if document and not verdict_of(document, datetime.now(UTC)).allows():
        click.echo(printable(text("stops.how_to_allow", address=shlex.quote(address))))


def allow(where: FirestoreOptions, address: str, note: str, yes: bool) -> None:
    """Show what speaks against an address, ask, and store that it may be mailed."""
    connection = connected(where)
    document = addresses_of(connection).get(address)
    _describe(connection, address, document)
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


def addresses_of(connection: Connection) -> MailAddresses:
    return MailAddresses(connection.client, connection.address_collection)


def edited(connection: Connection, address: str) -> click.ClickException:
    """Return the error for an address whose document somebody edited so that it is unreadable."""
    path = f"{connection.address_collection}/{address_id(address)}"
    return click.ClickException(text("stops.unreadable", path=path))


def _statuses(connection: Connection) -> MailStatuses:
    return MailStatuses(connection.client, connection.collection)


def _decide(connection: Connection, address: str, decision: str, note: str) -> None:
    addresses, now = addresses_of(connection), datetime.now(UTC)
    noted = {"note": one_line(note, _LONGEST_NOTE)} if note else {}
    operator = {"decision": decision, "at": now, **noted}
    try:
        store_decision(addresses.collection, address, cast(Operator, operator))
    except UnreadableDocumentError:
        raise edited(connection, address) from None
    verdict = verdict_of(addresses.get(address), now)
    click.echo(printable(sentence(verdict, texts(), connection.zone)))


def _describe(connection: Connection, address: str, document: Document | None) -> None:
    """Print the verdict on an address, what speaks against it, and what it rests on."""
    zone, statuses = connection.zone, _statuses(connection)
    verdict = verdict_of(document, datetime.now(UTC))
    click.echo(click.style(printable(address), bold=True))
    click.echo(printable(sentence(verdict, texts(), zone)))
    if document is None:
        return
    if verdict.cause and of_bounces_alone([document], statuses):
        click.echo(text("stops.alone"))
    if verdict.cause and (at := later_success(document, statuses)):
        click.echo(text("stops.later_success", time=shown(at, zone)))
    facts, operator = document.fields.get("facts", []), document.fields.get("operator")
    if operator:
        key = "stops.allow" if operator["decision"] == "allow" else "stops.block"
        click.echo(text(key, time=shown(operator["at"], zone)))
        if note := operator.get("note"):
            click.echo(printable(text("stops.note", note=note)))
    if facts:
        click.echo(f"\n{click.style(text('stops.facts'), bold=True)}")
    still = counted(facts, operator)
    for fact in facts:
        settled = "" if fact in still else text("stops.settled")
        why = short_cause({**fact, "bounce_cause": fact.get("cause", "")}, texts())
        about = (shown(fact["at"], zone), why, fact.get("server_composition", ""), settled)
        click.echo(printable("  ".join(filter(None, about))))
        if reason := fact.get("reason"):
            click.echo(f"    {printable(reason)}")


def _rows(
    connection: Connection, documents: Sequence[Document], since: datetime | None
) -> Iterator[list[str]]:
    alone = of_bounces_alone(documents, _statuses(connection))
    for document in documents:
        verdict = verdict_of(document, datetime.now(UTC))
        if since and not (verdict.since and verdict.since >= since):
            continue
        yield [
            document.fields.get("to", document.id),
            cause_text(verdict, texts()),
            shown(verdict.since, connection.zone, "%Y-%m-%d"),
            end_text(verdict, texts(), connection.zone),
            text("stops.remark_alone") if document.id in alone else "",
        ]
