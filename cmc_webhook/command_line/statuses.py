"""`list` and `show`: what became of the mails."""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line import table
from cmc_webhook.command_line.filters import filter_options
from cmc_webhook.command_line.paging import paging_options, say_more
from cmc_webhook.command_line.rendering import LABEL, as_json, coloured, labelled
from cmc_webhook.command_line.times import shown
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.meanings import meaning
from cmc_webhook.reading.options import connected, firestore_options
from cmc_webhook.reading.queries import Cursor, Document
from cmc_webhook.reading.received import ReceivedMails
from cmc_webhook.reading.statuses import Filters, MailStatuses
from cmc_webhook.reading.texts import Texts

# The hash, and of CMC's own message ids the part that differs most.
SHORT_ID = len("974c-9e7e564c")
_WIDE = 110
_DETAILS = (
    *("to", "from", "subject", "api_data", "bounce_code", "bounce_cause", "bounce_class"),
    *("return_path", "server_composition", "source_ip", "sender_ip"),
)


@click.command("list")
@filter_options
@paging_options
@click.option("--json", "json_lines", is_flag=True, help="A JSON object a line, all fields.")
@firestore_options
def list_mails(
    where: FirestoreOptions, filters: Filters, limit: int, after: Cursor | None, json_lines: bool
) -> None:
    """
    List mails, newest status first.

    \b
    python -m cmc_webhook list --status bounced --status failed
    python -m cmc_webhook list --to user@example.jp
    python -m cmc_webhook list --domain example.jp --since 2025-01-25 --json
    """
    connection = connected(where)
    listing = MailStatuses(connection.client, connection.collection).listing(filters)
    mails = listing.page(limit, after)
    if json_lines:
        for mail in mails:
            click.echo(as_json(mail.id, mail.fields, connection.zone))
    else:
        for line in _rows(mails, connection.zone):
            click.echo(line)
    say_more(listing, mails, limit)


@click.command()
@click.argument("name", metavar="ID")
@click.option("--json", "json_lines", is_flag=True, help="A JSON object a line, all fields.")
@firestore_options
def show(where: FirestoreOptions, name: str, json_lines: bool) -> None:
    """
    Show what became of a mail, and what that means.

    ID is a message id, or a document id or the beginning of one, as `list`
    shows it.

    \b
    python -m cmc_webhook show 974c-9e7e564c
    python -m cmc_webhook show '<9e7e564c-ac83-8cd8@example.com>'
    """
    connection = connected(where)
    mails = named(MailStatuses(connection.client, connection.collection), name)
    if json_lines:
        for mail in mails:
            click.echo(as_json(mail.id, mail.fields, connection.zone))
        return
    for place_of_mail, mail in enumerate(mails):
        if place_of_mail:
            click.echo()
        for line in _story(mail, connection.zone):
            click.echo(line)


def named(held: MailStatuses | ReceivedMails, name: str) -> list[Document]:
    """Return the mails that *name* means: a message id, a document id or its beginning."""
    is_id = re.match("[0-9a-f]{4}-", name) and "/" not in name
    found = held.beginning(name) if is_id else []
    if mails := found or held.of_message(name):
        return mails
    raise click.ClickException(f"There is no mail {table.printable(name)}.")


def _rows(mails: list[Document], zone: ZoneInfo) -> Iterator[str]:
    if not mails:
        return
    total = table.terminal_width()
    wide = total >= _WIDE
    rows = [_row(mail, zone, wide) for mail in mails]
    headings = ["id", "time", "status", *(["cause"] if wide else []), "to", "subject"]
    last = len(headings) - 1
    head, *padded = table.lines([headings, *rows], total, (last - 1, last))
    yield click.style(table.joined(head), bold=True)
    for mail, cells in zip(mails, padded, strict=True):
        cells[2] = coloured(cells[2], mail.fields.get("status", ""))
        yield table.joined(cells)


def _row(mail: Document, zone: ZoneInfo, wide: bool) -> list[str]:
    fields = mail.fields
    pattern = "%Y-%m-%d %H:%M:%S" if wide else "%m-%d %H:%M"
    return [
        mail.id[:SHORT_ID],
        shown(fields.get("status_at"), zone, pattern),
        fields.get("status", ""),
        *([fields.get("bounce_cause", "")] if wide else []),
        fields.get("to", ""),
        fields.get("subject", ""),
    ]


def _story(mail: Document, zone: ZoneInfo) -> Iterator[str]:
    fields = mail.fields
    status = fields.get("status", "")
    yield click.style(table.printable(fields.get("message_id", "")), bold=True)
    yield from labelled("document", mail.id)
    when = shown(fields.get("status_at"), zone)
    yield f"{table.pad('status', LABEL)}{coloured(table.printable(status), status)} at {when}"
    told = meaning(fields)
    yield from labelled("meaning", Texts("en").sentences([*told.happened, told.todo]))
    for name in _DETAILS:
        if name in fields:
            yield from labelled(name, str(fields[name]))
    yield from labelled("received", _arrivals(mail, zone))
    yield ""
    for event in fields.get("events", ()):
        told = event.get("bounce_code") or event.get("raw_status", "")
        label = f"{shown(event['at'], zone)}  {event['status']} {told}".rstrip()
        yield coloured(table.printable(label), event["status"])
        if event.get("reason"):
            yield from labelled("", event["reason"], indent=4)


def _arrivals(mail: Document, zone: ZoneInfo) -> str:
    first, last = (shown(mail.fields.get(f"{n}_received_at"), zone) for n in ("first", "last"))
    return f"{first}, last {last} ({zone.key})"
