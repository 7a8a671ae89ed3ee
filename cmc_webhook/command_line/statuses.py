"""`list` and `show`: the mails that were sent, and what became of them."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line.card import card_lines, meaning_lines
from cmc_webhook.command_line.rendering import (
    LABEL,
    coloured,
    columns,
    document_lines,
    field_lines,
    labelled,
    not_readable,
    print_page,
)
from cmc_webhook.reading import table
from cmc_webhook.reading.addresses import SHOWN, read_card
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.language import text, texts
from cmc_webhook.reading.meanings import explain, status_word
from cmc_webhook.reading.opened import connected
from cmc_webhook.reading.pasted import searches
from cmc_webhook.reading.queries import Collection
from cmc_webhook.reading.statuses import Filters, MailStatuses
from cmc_webhook.reading.times import shown
from cmc_webhook.status.events import Status

# The hash, and the part of CMC's own message ids that differs most.
SHORT_ID = len("974c-9e7e564c")
_WIDE = 110
_TEXTS = ("to", "domain", "message_id", "api_data", "composition", "subject")
# The details whose values are words, and the tables that say what these are called.
_TABLES = {"bounce_cause": "cause", "bounce_class": "class", "diagnosis": "diagnosis"}
_DETAILS = (
    *("to", "from", "subject", "api_data", "bounce_code", *_TABLES),
    *("return_path", "server_composition", "source_ip", "sender_ip"),
)


def list_mails(where: FirestoreOptions, filters: Filters, **page: Any) -> None:
    """Print the mails that *filters* choose, newest status first."""
    connection = connected(where)
    statuses = connection.statuses
    print_page(
        statuses.listing(filters),
        connection.zone,
        rows=lambda mails: _rows(mails, connection.zone),
        empty=lambda: nothing_found(filters, statuses, where, connection.zone),
        **page,
    )


def show(where: FirestoreOptions, name: str, json_lines: bool) -> None:
    """Print why a mail did not arrive, and what to tell the customer."""
    connection = connected(where)
    zone = connection.zone
    statuses = connection.statuses
    is_address = "@" in name and not name.strip().startswith("<")
    card = read_card(statuses, connection.addresses, name) if is_address else None
    mails = card.mails if card else ()
    mails = mails or by_id(statuses, name) or _found(statuses, name)
    if card and not json_lines and (card.mails or not mails):
        lines = card_lines(card, texts(), zone)  # without a mail, what to do about that
    else:
        lines = document_lines(mails, zone, json_lines, _description)
    for line in lines:
        click.echo(line)
    if not mails:
        raise no_mail(name)


def by_id(collection: Collection, name: str) -> list[Document]:
    """Return the mails whose message id is *name*, or whose document id begins with it."""
    name = name.strip()
    is_id = re.match("[0-9a-f]{4}-", name) and "/" not in name
    return (collection.beginning(name) if is_id else []) or collection.of_message(name)


def _found(statuses: MailStatuses, name: str) -> list[Document]:
    """Return the first mails of which an address, id or own id is *name*, or begins with it."""
    found = statuses.matches(searches(name))
    return statuses.listing(Filters(search=found[0])).page(SHOWN) if found else []


def no_mail(name: str) -> click.ClickException:
    return click.ClickException(text("list.no_mail", name=table.printable(name)))


def nothing_found(
    filters: Filters, statuses: MailStatuses, where: FirestoreOptions, zone: ZoneInfo
) -> str:
    """Return the sentences for an empty result: no mails at all, or none for these *filters*."""
    named = {"--project": where.project, "--database": where.database}
    options = "".join(f" {name} {shlex.quote(v)}" for name, v in named.items() if v)
    if newest := statuses.newest_time(Filters()):
        return _hint(filters) + text("list.none", newest=shown(newest, zone), options=options)
    return text("list.none_ever" if where.project else "list.none_sent", options=options)


def _hint(filters: Filters) -> str:
    """Return a line on the texts of *filters*, which must match in full, empty without any."""
    searched = filters.searched()
    given = [f"{text(f'field.{n}')} {searched[n][0]}" for n in _TEXTS if getattr(filters, n)]
    if not given:
        return ""
    whole = filters.to and "@" not in filters.to
    sentence = text("list.whole_address" if whole else "list.whole", searched=", ".join(given))
    return table.printable(sentence) + "\n"


def _rows(mails: list[Document], zone: ZoneInfo) -> Iterator[str]:
    wide = table.terminal_width() >= _WIDE
    rows = [_row(mail, zone, wide) for mail in mails]
    names = ("id", "time", "status", *(("cause",) if wide else ()), "to", "subject")
    last = len(names) - 1
    return columns(names, rows, (last - 1, last), [mail.fields.get("status", "") for mail in mails])


def _row(mail: Document, zone: ZoneInfo, wide: bool) -> list[str]:
    fields = mail.fields
    pattern = "%Y-%m-%d %H:%M:%S" if wide else "%m-%d %H:%M"
    return [
        mail.id[:SHORT_ID],
        shown(fields.get("status_at"), zone, pattern),
        _status(fields),
        *([texts().name("cause", fields.get("bounce_cause", ""))] if wide else []),
        fields.get("to", ""),
        fields.get("subject", ""),
    ]


def _description(mail: Document, zone: ZoneInfo) -> Iterator[str]:
    fields = mail.fields
    yield click.style(table.printable(fields.get("message_id", "")), bold=True)
    yield from field_lines("document", mail.id)
    if mail.unreadable:
        yield from labelled("", not_readable(mail))
    status = coloured(table.printable(_status(fields)), fields.get("status", ""))
    at = shown(fields.get("status_at"), zone)
    yield table.pad(text("field.status"), LABEL) + text("show.status", status=status, at=at)
    for name in _DETAILS:
        if name in fields:
            yield from field_lines(name, texts().name(_TABLES.get(name, ""), fields[name]))
    first, last = (shown(fields.get(f"{n}_received_at"), zone) for n in ("first", "last"))
    yield from field_lines("arrivals", text("show.received", first=first, last=last, zone=zone))
    yield from meaning_lines(fields, explain(fields, texts(), zone), texts())
    yield ""
    for event in fields.get("events", ()):
        code = event.get("bounce_code") or event.get("raw_status", "")
        name = texts().name("status", event["status"])
        label = f"{shown(event['at'], zone)}  {name} {code}".rstrip()
        yield coloured(table.printable(label), event["status"])
        if event.get("reason"):
            yield from labelled("", event["reason"], indent=4)


def _status(fields: Mapping[str, Any]) -> str:
    """Return what the status is called; a word that this version does not know as it is."""
    status = fields.get("status", "")
    word = status_word(status, fields.get("bounce_cause", ""))
    return texts().name("status", word) if status in [*Status] else status
