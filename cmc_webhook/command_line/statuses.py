"""`list` and `show`: the mails that were sent, and what became of them."""

import re
import shlex
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line import table
from cmc_webhook.command_line.filters import filter_options
from cmc_webhook.command_line.paging import PageOptions, page_options, print_page
from cmc_webhook.command_line.rendering import LABEL, as_json, coloured, labelled
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.meanings import meaning
from cmc_webhook.reading.options import connected, firestore_options
from cmc_webhook.reading.queries import Document
from cmc_webhook.reading.received import ReceivedMails
from cmc_webhook.reading.statuses import Filters, MailStatuses
from cmc_webhook.reading.texts import Texts
from cmc_webhook.reading.times import shown

# The hash, and the part of CMC's own message ids that differs most.
SHORT_ID = len("974c-9e7e564c")
_WIDE = 110
_DETAILS = (
    *("to", "from", "subject", "api_data", "bounce_code", "bounce_cause", "bounce_class"),
    *("return_path", "server_composition", "source_ip", "sender_ip"),
)


@click.command("list")
@filter_options
@page_options
@firestore_options
def list_mails(where: FirestoreOptions, filters: Filters, page: PageOptions) -> None:
    """
    List mails, newest status first.

    \b
    python -m cmc_webhook list --status bounced --status failed
    python -m cmc_webhook list --to user@example.jp
    python -m cmc_webhook list --domain example.jp --since 2025-01-25 --json
    """
    connection = connected(where)
    statuses = MailStatuses(connection.client, connection.collection)
    print_page(
        statuses.listing(filters),
        page,
        connection.zone,
        table=lambda mails: _rows(mails, connection.zone),
        empty=lambda: nothing_found("with these filters", statuses, where, connection.zone),
    )


@click.command()
@click.argument("name", metavar="ID")
@click.option("--json", "json_lines", is_flag=True, help="A JSON object per line, all fields.")
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
    mails = find_mails(MailStatuses(connection.client, connection.collection), name)
    if json_lines:
        for mail in mails:
            click.echo(as_json(mail.id, mail.fields, connection.zone))
        return
    for number, mail in enumerate(mails):
        if number:
            click.echo()
        for line in _description(mail, connection.zone):
            click.echo(line)


def find_mails(collection: MailStatuses | ReceivedMails, name: str) -> list[Document]:
    """
    Return the mails whose message id is *name*, or whose document id begins with it.

    Raises ClickException if there is none.
    """
    is_id = re.match("[0-9a-f]{4}-", name) and "/" not in name
    found = collection.beginning(name) if is_id else []
    if mails := found or collection.of_message(name):
        return mails
    raise click.ClickException(f"There is no mail {table.printable(name)}.")


def nothing_found(
    reason: str, statuses: MailStatuses, where: FirestoreOptions, zone: ZoneInfo
) -> str:
    """Return the sentence for an empty result: no mails at all, or none for this *reason*."""
    named = {"--project": where.project, "--database": where.database}
    options = "".join(f" {name} {shlex.quote(v)}" for name, v in named.items() if v)
    newest = statuses.newest(Filters(), 1, ["status_at"])
    if newest:
        at = shown(newest[0].fields["status_at"], zone)
        command = f"python -m cmc_webhook list --limit 1{options}"
        return f"No mails {reason}; the newest is of {at}: {command}"
    if where.project:
        return f"No mails yet; look for the cause with: python -m cmc_webhook doctor{options}"
    return "No mails yet; send test events with: python -m cmc_webhook send"


def _rows(mails: list[Document], zone: ZoneInfo) -> Iterator[str]:
    if not mails:
        return
    columns = table.terminal_width()
    wide = columns >= _WIDE
    rows = [_row(mail, zone, wide) for mail in mails]
    headings = ["id", "time", "status", *(["cause"] if wide else []), "to", "subject"]
    last = len(headings) - 1
    head, *padded = table.lines([headings, *rows], columns, (last - 1, last))
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


def _description(mail: Document, zone: ZoneInfo) -> Iterator[str]:
    fields = mail.fields
    status = fields.get("status", "")
    yield click.style(table.printable(fields.get("message_id", "")), bold=True)
    yield from labelled("document", mail.id)
    at = shown(fields.get("status_at"), zone)
    yield f"{table.pad('status', LABEL)}{coloured(table.printable(status), status)} at {at}"
    texts = meaning(fields)
    yield from labelled("meaning", Texts("en").sentences([*texts.happened, texts.todo]))
    for name in _DETAILS:
        if name in fields:
            yield from labelled(name, str(fields[name]))
    yield from labelled("received", _arrivals(mail, zone))
    yield ""
    for event in fields.get("events", ()):
        code = event.get("bounce_code") or event.get("raw_status", "")
        label = f"{shown(event['at'], zone)}  {event['status']} {code}".rstrip()
        yield coloured(table.printable(label), event["status"])
        if event.get("reason"):
            yield from labelled("", event["reason"], indent=4)


def _arrivals(mail: Document, zone: ZoneInfo) -> str:
    first, last = (shown(mail.fields.get(f"{n}_received_at"), zone) for n in ("first", "last"))
    return f"{first}, last {last} ({zone.key})"
