"""`quarantine`: look at what could not be read, post it again, or delete it."""

import itertools
import re
from typing import Any

import click

from cmc_webhook.command_line.rendering import LABEL, columns, not_readable, print_page
from cmc_webhook.command_line.send import conclude, post_all
from cmc_webhook.reading import table
from cmc_webhook.reading.cli import confirm
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.language import text, texts
from cmc_webhook.reading.opened import Connection, connected
from cmc_webhook.reading.quarantine import (
    NotReplayableError,
    Quarantine,
    body_of,
    has_odd_bytes,
    text_of,
)
from cmc_webhook.reading.times import shown
from cmc_webhook.simulator.posting import is_loopback, saved_message, without_query

_COLUMNS = ("id", "received", "why", "content")
_SHORT_ID = 12
# Characters of a content, which may have a megabyte in one line.
_LONGEST_CONTENT = 200
_READ_AT_ONCE = 50


def list_entries(where: FirestoreOptions, inbound: bool, **page: Any) -> None:
    """Print entries, the newest first."""
    connection = connected(where)
    print_page(
        _quarantine(connection, inbound).listing(),
        connection.zone,
        rows=lambda found: columns(_COLUMNS, [_row(each, connection) for each in found], (2, 3)),
        empty=lambda: text("entries.none"),
        **page,
    )


def show(where: FirestoreOptions, name: str, inbound: bool) -> None:
    """Print an entry with its whole content."""
    connection = connected(where)
    entry = _one(_quarantine(connection, inbound), name)
    content = text_of(entry)
    for field, value in sorted(entry.stored.items()):
        if field != "content" or content is None:
            label = table.pad(texts().name("field", field), LABEL)
            value = texts().name("quarantine", value) if field == "why" else value
            click.echo(table.printable(f"{label}{shown(value, connection.zone)}"))
    if entry.unreadable:
        click.echo(not_readable(entry))
    if content is not None:
        click.echo()
        for line in table.paragraphs(content):
            click.echo(line)


def replay(
    where: FirestoreOptions, names: tuple[str, ...], everything: bool, **options: Any
) -> None:
    """Post entries to the function again; they stay in quarantine until deleted."""
    _require_choice(names, everything)
    connection = connected(where)
    kept = connection.quarantine
    pages = kept.pages(_READ_AT_ONCE) if everything else [[_one(kept, name) for name in names]]
    messages, left_out = [], 0
    for entry in itertools.chain.from_iterable(pages):
        try:
            body = body_of(entry, connection.zone)
        except NotReplayableError as error:
            left_out += 1
            _note(entry, text(f"obstacle.{error.why}"))
            continue
        if has_odd_bytes(entry):
            _note(entry, text("obstacle.odd_bytes"))
        messages.append(saved_message(body, options["credential"]))
    asks = connection.real or not is_loopback(options["url"])
    if messages and asks and not options["yes"]:
        counts = _counts(len(messages), connection)
        confirm(text("question.post_entries", url=without_query(options["url"]), **counts))
    conclude(post_all(options["url"], messages))
    if left_out:
        raise click.ClickException(text("posted.left_out", **_counts(left_out, connection)))


def delete(
    where: FirestoreOptions, names: tuple[str, ...], everything: bool, yes: bool, inbound: bool
) -> None:
    """Delete entries; objects of received mail in the bucket are not deleted."""
    _require_choice(names, everything)
    connection = connected(where)
    kept = _quarantine(connection, inbound)
    ids = [*kept.ids()] if everything else [_one(kept, name).id for name in names]
    if connection.real and not yes:
        confirm(text("question.delete_entries", **_counts(len(ids), connection)))
    kept.delete(ids)
    click.echo(text("posted.deleted", **_counts(len(ids), connection)))


def _quarantine(connection: Connection, inbound: bool) -> Quarantine:
    return connection.received_quarantine if inbound else connection.quarantine


def _require_choice(names: tuple[str, ...], everything: bool) -> None:
    if bool(names) == everything:
        raise click.UsageError(text("usage.ids_or_all"))


def _one(kept: Quarantine, name: str) -> Document:
    """Return the only entry whose id begins with *name*, or raise ClickException."""
    found = kept.beginning(name) if re.fullmatch("[0-9a-f]+", name) else []
    if len(found) != 1:
        sentence = text("list.not_one", count=len(found), start=table.printable(name))
        raise click.ClickException(sentence)
    return found[0]


def _counts(count: int, connection: Connection) -> dict[str, str]:
    return {"count": f"{count:,}", "project": connection.client.project}


def _note(entry: Document, sentence: str) -> None:
    click.echo(f"{table.printable(entry.id[:_SHORT_ID])}: {sentence}", err=True)


def _row(entry: Document, connection: Connection) -> list[str]:
    fields = entry.fields
    received = shown(fields.get("received_at"), connection.zone, "%m-%d %H:%M")
    content = text_of(entry)
    shown_content = fields.get("stored_at", "") if content is None else content[:_LONGEST_CONTENT]
    why = texts().name("quarantine", fields.get("why", ""))
    return [entry.id[:_SHORT_ID], received, why, shown_content]
