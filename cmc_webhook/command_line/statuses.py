"""`list` and `show`: the mails that were sent, and what became of them."""

import re
import shlex
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line import table
from cmc_webhook.command_line.card import card_lines, language_option, meaning_lines
from cmc_webhook.command_line.filters import filter_options
from cmc_webhook.command_line.paging import PageOptions, page_options, print_page
from cmc_webhook.command_line.rendering import (
    LABEL,
    coloured,
    document_json,
    labelled,
    not_readable,
)
from cmc_webhook.reading.addresses import read_card
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.mail_addresses import MailAddresses
from cmc_webhook.reading.options import connected, firestore_options
from cmc_webhook.reading.received import ReceivedMails
from cmc_webhook.reading.statuses import Filters, MailStatuses
from cmc_webhook.reading.texts import Texts
from cmc_webhook.reading.times import shown

# The hash, and the part of CMC's own message ids that differs most.
SHORT_ID = len("974c-9e7e564c")
_WIDE = 110
_TEXTS = ("to", "domain", "message_id", "api_data", "composition")
_DETAILS = (
    *(
        "to",
        "from",
        "subject",
        "api_data",
        "bounce_code",
        "bounce_cause",
        "bounce_class",
        "diagnosis",
    ),
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
        empty=lambda: nothing_found(
            "with these filters", filters, statuses, where, connection.zone
        ),
    )


@click.command()
@click.argument("name", metavar="ADDRESS|ID")
@click.option("--json", "json_lines", is_flag=True, help="A JSON object per line, all fields.")
@language_option
@firestore_options
def show(where: FirestoreOptions, name: str, json_lines: bool, lang: str) -> None:
    """
    Show why a mail did not arrive, and what to tell the customer.

    Give the address of a recipient, or a message id, a document id, or the
    beginning of an id, as `list` shows it. With --json only the mails.

    \b
    python -m cmc_webhook show user@example.jp
    python -m cmc_webhook show 974c-9e7e564c
    python -m cmc_webhook show '<9e7e564c-ac83-8cd8@example.com>' --lang ja
    """
    connection = connected(where)
    zone, texts = connection.zone, Texts(lang)
    statuses = MailStatuses(connection.client, connection.collection)
    is_address = "@" in name and not name.strip().startswith("<")
    addresses = MailAddresses(connection.client, connection.address_collection)
    card = read_card(statuses, addresses, name) if is_address else None
    if card and card.mails:
        mails, lines = card.mails, card_lines(card, texts, zone)
    else:
        mails = _by_id(statuses, name) or statuses.messages_beginning(name)
        lines = _descriptions(mails, zone, texts)
        if card and not mails:
            lines = card_lines(card, texts, zone)  # what to do where there is no mail
    if json_lines:
        lines = (document_json(mail, zone) for mail in mails)
    for line in lines:
        click.echo(line)
    if not mails:
        raise _no_mail(name)


def find_mails(collection: MailStatuses | ReceivedMails, name: str) -> list[Document]:
    """
    Return the mails whose message id is *name*, or whose document id begins with it.

    Raises ClickException if there is none.
    """
    if mails := _by_id(collection, name):
        return mails
    raise _no_mail(name)


def _by_id(collection: MailStatuses | ReceivedMails, name: str) -> list[Document]:
    name = name.strip()
    is_id = re.match("[0-9a-f]{4}-", name) and "/" not in name
    return (collection.beginning(name) if is_id else []) or collection.of_message(name)


def _no_mail(name: str) -> click.ClickException:
    return click.ClickException(f"There is no mail {table.printable(name)}.")


def nothing_found(
    reason: str,
    filters: Filters,
    statuses: MailStatuses,
    where: FirestoreOptions,
    zone: ZoneInfo,
) -> str:
    """Return the sentences for an empty result: no mails at all, or none for this *reason*."""
    named = {"--project": where.project, "--database": where.database}
    options = "".join(f" {name} {shlex.quote(v)}" for name, v in named.items() if v)
    newest = statuses.newest_time(Filters())
    if newest:
        at = shown(newest, zone)
        command = f"python -m cmc_webhook list --limit 1{options}"
        return f"{_hint(filters)}No mails {reason}; the newest is of {at}: {command}"
    if where.project:
        return f"No mails yet; look for the cause with: python -m cmc_webhook doctor{options}"
    return "No mails yet; send test events with: python -m cmc_webhook send"


def _hint(filters: Filters) -> str:
    """Return a line on the texts of *filters*, which must match in full, empty without any."""
    texts = {name: getattr(filters, name) for name in _TEXTS}
    searched = filters.searched()
    given = [f"{name} {searched[name][0]}" for name, text in texts.items() if text]
    if not given:
        return ""
    advice = " An address is whole, such as user@example.jp." if "@" not in filters.to else ""
    whole = f"A filter must match the whole value. Searched for {', '.join(given)}."
    return table.printable(f"{whole}{advice if filters.to else ''}") + "\n"


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


def _descriptions(mails: Sequence[Document], zone: ZoneInfo, texts: Texts) -> Iterator[str]:
    for number, mail in enumerate(mails):
        if number:
            yield ""
        yield from _description(mail, zone, texts)


def _description(mail: Document, zone: ZoneInfo, texts: Texts) -> Iterator[str]:
    fields = mail.fields
    status = fields.get("status", "")
    yield click.style(table.printable(fields.get("message_id", "")), bold=True)
    yield from labelled("document", mail.id)
    if mail.unreadable:
        yield from labelled("", not_readable(mail))
    at = shown(fields.get("status_at"), zone)
    yield f"{table.pad('status', LABEL)}{coloured(table.printable(status), status)} at {at}"
    for name in _DETAILS:
        if name in fields:
            yield from labelled(name, fields[name])
    yield from labelled("received", _arrivals(mail, zone))
    yield from meaning_lines(fields, texts, zone)
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
