"""`addresses`: whom not to mail."""

import shlex
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line import table
from cmc_webhook.command_line.card import language_option
from cmc_webhook.command_line.export import BOM, csv_line, safe_cell
from cmc_webhook.command_line.filters import TextType, TimeType
from cmc_webhook.command_line.paging import PageOptions, page_options, print_page
from cmc_webhook.command_line.rendering import columns
from cmc_webhook.reading.checking import MOST_BY_ID, MOST_SUCCESSES, Source, check
from cmc_webhook.reading.connection import Connection, FirestoreOptions
from cmc_webhook.reading.csv_files import CsvFile, UnreadableFileError
from cmc_webhook.reading.decisions import store_decision
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.mail_addresses import MailAddresses, StopFilters
from cmc_webhook.reading.meanings import short_cause
from cmc_webhook.reading.options import connected, firestore_options
from cmc_webhook.reading.pasted import address as address_of
from cmc_webhook.reading.statuses import MailStatuses
from cmc_webhook.reading.stops import later_success, of_bounces_alone
from cmc_webhook.reading.texts import Texts
from cmc_webhook.reading.times import shown
from cmc_webhook.reading.verdicts import cause_text, end_text, sentence, verdict_of
from cmc_webhook.status.document import UnreadableDocumentError
from cmc_webhook.status.stop_rule import STOP_CAUSES, Operator, counted

_PAGE = 500


class AddressType(click.ParamType[str]):
    """A mail address, as people paste it."""

    name = "address"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return it in ASCII lower case."""
        if not (found := address_of(value)):
            self.fail(f"{value!r} is not a mail address.", param, ctx)
        return found


class Addresses:
    """The addresses of a Firestore, and what people read of them in one language."""

    def __init__(self, where: FirestoreOptions, lang: str) -> None:
        self.connection: Connection = connected(where)
        self.texts = Texts(lang)
        self.now = datetime.now(UTC)
        client = self.connection.client
        self.statuses = MailStatuses(client, self.connection.collection)
        self.documents = MailAddresses(client, self.connection.address_collection)

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which times are shown."""
        return self.connection.zone

    def said(self, key: str, **values: object) -> str:
        """Return a text for the terminal."""
        return table.printable(self.texts.text(key, **values))


@click.group()
def addresses() -> None:
    """
    Whom not to mail: look up, check a list, decide.

    An address that begins with - stands behind --.

    \b
    python -m cmc_webhook addresses list
    python -m cmc_webhook addresses check customers.csv -o checked.csv
    python -m cmc_webhook addresses show user@example.jp
    python -m cmc_webhook addresses allow user@example.jp
    python -m cmc_webhook addresses block --note 'asked by phone' -- -user@example.jp
    """


@addresses.command("list")
@click.option("--csv", "as_csv", is_flag=True, help="All of them as CSV for Excel.")
@click.option("--cause", type=click.Choice(STOP_CAUSES), help="Only this cause.")
@click.option("--domain", default="", type=TextType(), help="Only addresses in this domain.")
@click.option("--since", type=TimeType(), help="Only stops that began at this time or later.")
@page_options
@language_option
@firestore_options
def list_addresses(
    where: FirestoreOptions,
    as_csv: bool,
    cause: str | None,
    domain: str,
    since: datetime | None,
    page: PageOptions,
    lang: str,
) -> None:
    """
    List the addresses that are not to be mailed, the latest end first.

    A remark says that no mail behind the stop has a delivery event for the address.

    \b
    python -m cmc_webhook addresses list --cause hard --domain example.jp
    python -m cmc_webhook addresses list --csv --since 2026-11-01 > stopped.csv
    """
    here = Addresses(where, lang)
    filters = StopFilters(since=here.now, cause=cause or "", domain=domain)
    listing = here.documents.stopped(filters)
    heads = ("stops.to", "check.why", "stops.since", "check.until", "stops.remark")
    headings = [*map(here.texts.text, heads)]
    if as_csv:
        click.echo(BOM + csv_line(headings), nl=False)
        for documents in listing.pages(_PAGE):
            for cells in _rows(here, documents, since):
                click.echo(csv_line([safe_cell(cell) for cell in cells]), nl=False)
        return
    print_page(
        listing,
        page,
        here.zone,
        table=lambda documents: columns(headings, [*_rows(here, documents, since)], (1, 4)),
        empty=lambda: here.texts.text("stops.none"),
    )


@addresses.command("check")
@click.argument("file", type=click.File("rb"))
@click.option("--column", default="", help="The column of addresses; else that with the most @.")
@click.option("--composition", type=TextType(), help="The mail will go through this composition.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file.")
@language_option
@firestore_options
def check_file(
    where: FirestoreOptions,
    file: IO[bytes],
    column: str,
    composition: str | None,
    output: Path | None,
    lang: str,
) -> None:
    """
    Check the addresses of a CSV file.

    The same file comes back with three columns at its end: may be mailed, reason,
    until. Nothing else changes, neither encoding (UTF-8, UTF-16 with a byte order
    mark, Shift_JIS), nor quotes or line ends. With --composition, addresses that
    unsubscribed from it may not be mailed. FILE is - for standard input.

    \b
    python -m cmc_webhook addresses check customers.csv -o checked.csv
    python -m cmc_webhook addresses check --column mail --composition pro - < in.csv > out.csv
    """
    here = Addresses(where, lang)
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        if not file.seekable():
            copy = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(file, copy)
            file = copy
        # Half an answer would look like a whole one, so it is made before it is given.
        answer = stack.enter_context(tempfile.TemporaryFile())
        try:
            listed = CsvFile(file, column)
            many = listed.length > MOST_BY_ID
            source = Source(here.documents, here.statuses, here.now, composition, many=many)
            hidden = not sys.stderr.isatty()
            with click.progressbar(length=listed.length, file=sys.stderr, hidden=hidden) as bar:
                for part in check(listed, answer, source, here.texts, here.zone):
                    counts.update(part)
                    bar.update(part.total())
        except UnreadableFileError as error:
            sentence = here.texts.text(error.key, **error.values)
            raise click.ClickException(table.printable(sentence)) from error
        answer.seek(0)
        with output.open("wb") if output else click.open_file("-", "wb") as target:
            shutil.copyfileobj(answer, target)
    summary = [
        here.said("check.rows", count=f"{counts.total():,}", allowed=f"{counts.pop('', 0):,}")
    ]
    summary += (here.said("check.no", count=f"{n:,}", why=why) for why, n in counts.most_common())
    if source.successes_asked == MOST_SUCCESSES:
        summary.append(here.said("check.successes", count=f"{MOST_SUCCESSES:,}"))
    summary.append(here.said("check.cost", calls=f"{source.calls:,}", reads=f"{source.reads:,}"))
    click.echo("\n".join(summary), err=True)


@addresses.command()
@click.argument("address", type=AddressType())
@language_option
@firestore_options
def show(where: FirestoreOptions, address: str, lang: str) -> None:
    """
    Show whether an address may be mailed, and what that rests on.

    \b
    python -m cmc_webhook addresses show user@example.jp
    """
    here = Addresses(where, lang)
    document = here.documents.get(address)
    _describe(here, address, document)
    if document and not verdict_of(document, here.now).allows():
        command = f"python -m cmc_webhook addresses allow -- {shlex.quote(address)}"
        click.echo(here.said("stops.how_to_allow", command=command))


@addresses.command()
@click.argument("address", type=AddressType())
@click.option("--note", default="", help="Why; it is stored with the decision.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@language_option
@firestore_options
def allow(where: FirestoreOptions, address: str, note: str, yes: bool, lang: str) -> None:
    """
    Mail an address again.

    Shows the evidence and asks. What bounced until now no longer counts; what
    bounces later does.

    \b
    python -m cmc_webhook addresses allow user@example.jp
    """
    here = Addresses(where, lang)
    document = here.documents.get(address)
    _describe(here, address, document)
    if document is None:
        click.echo(here.said("stops.nothing_to_allow"))
        return
    if verdict_of(document, here.now).unsubscribed_from:
        click.echo(here.said("stops.unsubscription"))
    click.echo(here.said("stops.cmc"))
    if not yes:
        question = here.texts.text("stops.ask_allow", address=table.printable(address))
        click.confirm(question, abort=True, err=True)
    _decide(here, address, {"decision": "allow", "at": here.now, "note": note})


@addresses.command()
@click.argument("address", type=AddressType())
@click.option("--note", default="", help="Why; it is stored with the decision.")
@language_option
@firestore_options
def block(where: FirestoreOptions, address: str, note: str, lang: str) -> None:
    """
    Stop mail to an address, until somebody allows it.

    \b
    python -m cmc_webhook addresses block user@example.jp --note 'asked by phone'
    """
    _decide(
        Addresses(where, lang),
        address,
        {"decision": "block", "at": datetime.now(UTC), "note": note},
    )


def _decide(here: Addresses, address: str, operator: Operator) -> None:
    decided = {name: value for name, value in operator.items() if value}
    try:
        store_decision(here.documents.collection, address, decided)  # type: ignore[arg-type]
    except UnreadableDocumentError:
        raise unreadable(here, address) from None
    click.echo(sentence(verdict_of(here.documents.get(address), here.now), here.texts, here.zone))


def unreadable(here: Addresses, address: str) -> click.ClickException:
    """Return the error for an address whose document cannot be read."""
    document = here.documents.get(address)
    path = f"{here.connection.address_collection}/{document.id if document else ''}"
    return click.ClickException(here.texts.text("stops.unreadable", path=path))


def _describe(here: Addresses, address: str, document: Document | None) -> None:
    """Print the verdict on an address, what speaks against it, and what it rests on."""
    verdict = verdict_of(document, here.now)
    click.echo(click.style(table.printable(address), bold=True))
    click.echo(table.printable(sentence(verdict, here.texts, here.zone)))
    if document is None:
        return
    if verdict.cause and of_bounces_alone([document], here.statuses):
        click.echo(here.said("stops.alone"))
    at = later_success(document, here.statuses) if verdict.cause else None
    if at:
        click.echo(here.said("stops.later_success", time=shown(at, here.zone)))
    facts, operator = document.fields.get("facts", []), document.fields.get("operator")
    if operator:
        key = "stops.allow" if operator["decision"] == "allow" else "stops.block"
        click.echo(here.said(key, time=shown(operator["at"], here.zone)))
        if note := operator.get("note"):
            click.echo(here.said("stops.note", note=note))
    if facts:
        click.echo()
        click.echo(click.style(here.texts.text("stops.facts"), bold=True))
    still = counted(facts, operator)
    for fact in facts:
        named = {"bounce_cause": fact.get("cause", ""), "diagnosis": fact.get("diagnosis", "")}
        settled = "" if fact in still else here.texts.text("stops.settled")
        about = (short_cause(named, here.texts), fact.get("server_composition", ""), settled)
        line = (shown(fact["at"], here.zone), *filter(None, about))
        click.echo(table.printable("  ".join(line)))
        if reason := fact.get("reason"):
            click.echo(f"    {table.printable(reason)}")


def _rows(
    here: Addresses, documents: Sequence[Document], since: datetime | None
) -> Iterator[list[str]]:
    alone = of_bounces_alone(documents, here.statuses)
    for document in documents:
        verdict = verdict_of(document, here.now)
        if since and not (verdict.since and verdict.since >= since):
            continue
        yield [
            document.fields.get("to", document.id),
            cause_text(verdict, here.texts),
            shown(verdict.since, here.zone, "%Y-%m-%d"),
            end_text(verdict, here.texts, here.zone),
            here.texts.text("stops.remark_alone") if document.id in alone else "",
        ]
