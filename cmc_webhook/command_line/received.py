"""`inbound list` and `inbound show`: received mail."""

from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line.rendering import (
    columns,
    document_lines,
    field_lines,
    labelled,
    not_readable,
    print_page,
)
from cmc_webhook.command_line.statuses import SHORT_ID, by_id, no_mail
from cmc_webhook.reading import table
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.language import text
from cmc_webhook.reading.opened import connected
from cmc_webhook.reading.times import shown

_PEOPLE = ("from", "to", "cc", "reply_to")
_DETAILS = (
    *("envelope_from", "envelope_to", "in_reply_to", "status_of", "auto_submitted"),
    *("provider", "filter", "server_composition", "sender_ip", "spf", "dkim", "spam_score"),
    *("attachments_missing", "text_stored_at", "html_stored_at", "headers_stored_at"),
    "raw_stored_at",
)


def list_mails(where: FirestoreOptions, **page: Any) -> None:
    """Print received mails, the latest arrival first."""
    connection = connected(where)
    mails = connection.received

    def rows(found: list[Document]) -> Iterator[str]:
        names = ("id", "received", "from", "files", "subject")
        return columns(names, [_row(mail, connection.zone) for mail in found], (2, 4))

    listing = mails.whole() if page["json_lines"] else mails.listing()
    print_page(listing, connection.zone, rows=rows, empty=lambda: text("received.none"), **page)


def show(where: FirestoreOptions, name: str, json_lines: bool) -> None:
    """Print received mails with their text and attachments."""
    connection = connected(where)
    mails = by_id(connection.received, name)
    if not mails:
        raise no_mail(name)
    for line in document_lines(mails, connection.zone, json_lines, _description):
        click.echo(line)


def _row(mail: Document, zone: ZoneInfo) -> list[str]:
    fields = mail.fields
    sender = fields.get("from", {})
    return [
        mail.id[:SHORT_ID],
        shown(fields.get("received_at"), zone, "%m-%d %H:%M"),
        sender.get("name") or sender.get("address", ""),
        str(len(fields.get("attachments", ())) or ""),
        fields.get("subject", ""),
    ]


def _description(mail: Document, zone: ZoneInfo) -> Iterator[str]:
    fields = mail.fields
    yield click.style(table.printable(fields.get("subject", text("page.no_subject"))), bold=True)
    yield from field_lines("document", mail.id)
    if mail.unreadable:
        yield from labelled("", not_readable(mail))
    for name in ("received_at", "date"):
        if name in fields:
            yield from field_lines(name, f"{shown(fields[name], zone)} ({zone.key})")
    for name in _PEOPLE:
        if name in fields:
            people = fields[name] if isinstance(fields[name], list) else [fields[name]]
            yield from field_lines(name, ", ".join(map(_person, people)))
    yield from field_lines("message_id", fields.get("message_id", ""))
    for name in _DETAILS:
        if name in fields:
            yield from field_lines(name, shown(fields[name], zone))
    for file in fields.get("attachments", ()):
        size = text("received.bytes", count=f"{file.get('size', 0):,}")
        about = ", ".join(filter(None, (size, file.get("content_type"))))
        name = file.get("file_name", text("list.no_name"))
        yield from field_lines("attachment", f"{name} ({about})")
        # In one line, so that it can be copied.
        yield f"    {table.printable(file.get('stored_at', ''))}"
    yield ""
    if "text" in fields:
        yield from table.paragraphs(fields["text"])
    elif "html" in fields:
        yield text("list.html_alone", count=f"{len(fields['html']):,}")


def _person(person: Mapping[str, str]) -> str:
    name, address = person.get("name", ""), person.get("address", "")
    return f"{name} <{address}>" if name and address else name or address
