"""`list` and `show`: what became of the mails."""

import re
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line import table
from cmc_webhook.command_line.card import card_lines, language_option, meaning_lines
from cmc_webhook.command_line.filters import filter_options
from cmc_webhook.command_line.paging import paging_options, say_more
from cmc_webhook.command_line.rendering import LABEL, as_json, coloured, labelled
from cmc_webhook.command_line.times import shown
from cmc_webhook.reading.addresses import read_card
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.options import connected, firestore_options
from cmc_webhook.reading.queries import Cursor, Document
from cmc_webhook.reading.received import ReceivedMails
from cmc_webhook.reading.statuses import Filters, MailStatuses
from cmc_webhook.reading.texts import Texts

# The hash, and of CMC's own message ids the part that differs most.
SHORT_ID = len("974c-9e7e564c")
_WIDE = 110
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
@click.argument("name", metavar="ADDRESS|ID")
@click.option("--json", "json_lines", is_flag=True, help="A JSON object a line, all fields.")
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
    is_address = "@" in name and not name.startswith("<")
    card = read_card(statuses, name) if is_address else None
    if card and card.mails:
        mails, lines = card.mails, card_lines(card, texts, zone)
    else:
        mails = by_id(statuses, name) or statuses.messages_beginning(name)
        lines = _stories(mails, zone, texts)
        if card and not mails:
            lines = card_lines(card, texts, zone)  # what to do where there is no mail
    if json_lines:
        lines = (as_json(mail.id, mail.fields, zone) for mail in mails)
    for line in lines:
        click.echo(line)
    if not mails:
        raise no_mail(name)


def named(held: MailStatuses | ReceivedMails, name: str) -> list[Document]:
    """Return the mails that *name* means: a message id, a document id or its beginning."""
    if mails := by_id(held, name):
        return mails
    raise no_mail(name)


def by_id(held: MailStatuses | ReceivedMails, name: str) -> list[Document]:
    """Return the mails whose document id begins with *name*, else whose message id it is."""
    is_id = re.match("[0-9a-f]{4}-", name) and "/" not in name
    return (held.beginning(name) if is_id else []) or held.of_message(name)


def no_mail(name: str) -> click.ClickException:
    """Return the error that there is no mail *name*."""
    return click.ClickException(f"There is no mail {table.printable(name)}.")


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


def _stories(mails: Sequence[Document], zone: ZoneInfo, texts: Texts) -> Iterator[str]:
    for number, mail in enumerate(mails):
        if number:
            yield ""
        yield from _story(mail, zone, texts)


def _story(mail: Document, zone: ZoneInfo, texts: Texts) -> Iterator[str]:
    fields = mail.fields
    status = fields.get("status", "")
    yield click.style(table.printable(fields.get("message_id", "")), bold=True)
    yield from labelled("document", mail.id)
    when = shown(fields.get("status_at"), zone)
    yield f"{table.pad('status', LABEL)}{coloured(table.printable(status), status)} at {when}"
    for name in _DETAILS:
        if name in fields:
            yield from labelled(name, str(fields[name]))
    yield from labelled("received", _arrivals(mail, zone))
    yield from meaning_lines(fields, texts, zone)
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
