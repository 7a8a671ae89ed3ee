"""`quarantine`: look at what could not be read, post it again, or delete it."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import click

from cmc_webhook.command_line import table
from cmc_webhook.command_line.paging import PageOptions, page_options, print_page
from cmc_webhook.command_line.rendering import columns, not_readable
from cmc_webhook.command_line.sending import conclude_replay, post_all
from cmc_webhook.reading.connection import Connection, FirestoreOptions
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.options import connected, firestore_options, function_options
from cmc_webhook.reading.quarantine import (
    NotReplayableError,
    Obstacle,
    Quarantine,
    body_of,
    has_odd_bytes,
    text_of,
)
from cmc_webhook.reading.times import shown
from cmc_webhook.simulator.posting import is_loopback, saved_message, without_query

_SHORT_ID = 12
# Characters of a content, which may have a megabyte in one line.
_LONGEST_CONTENT = 200
_READ_AT_ONCE = 50
_OBSTACLES = {
    Obstacle.CUT: "It was stored incomplete and cannot be posted again: delete it.",
    Obstacle.NO_JSON: "Its content is not JSON: correct it in Firestore.",
    Obstacle.UNREADABLE: "Its kind, event_type or content is missing or not readable:"
    " correct it in Firestore.",
    Obstacle.FUTURE: "Its time (created) is more than 48 hours after it was received, so it is"
    " wrong or forged, and would win over every later event: correct it in Firestore or delete it.",
}
_ODD_BYTES = "Bytes that are not UTF-8 are stored as U+FFFD."


@click.group()
def quarantine() -> None:
    """
    Look at what could not be read, post it again, or delete it.

    ID is the id of an entry or the beginning of it, as `list` shows it.

    \b
    python -m cmc_webhook quarantine list
    python -m cmc_webhook quarantine show 3f2a9c
    python -m cmc_webhook quarantine replay 3f2a9c --bearer KEY
    python -m cmc_webhook quarantine delete --all
    python -m cmc_webhook quarantine list --inbound
    """


_inbound = click.option("--inbound", is_flag=True, help="The quarantine of received mail.")


@quarantine.command("list")
@page_options
@_inbound
@firestore_options
def list_entries(where: FirestoreOptions, page: PageOptions, inbound: bool) -> None:
    """
    List entries, the newest first.

    \b
    python -m cmc_webhook quarantine list --limit 10
    """
    connection = connected(where)

    def rows(entries: list[Document]) -> Iterator[str]:
        headings = ["id", "received", "why", "content"]
        return columns(headings, [_row(entry, connection) for entry in entries], (3,))

    listing = _quarantine(connection, inbound).listing()
    print_page(listing, page, connection.zone, table=rows, empty=lambda: "The quarantine is empty.")


@quarantine.command()
@click.argument("name", metavar="ID")
@_inbound
@firestore_options
def show(where: FirestoreOptions, name: str, inbound: bool) -> None:
    """
    Show an entry with its whole content.

    Received mail is in the bucket: its address is shown instead.

    \b
    python -m cmc_webhook quarantine show 3f2a9c
    """
    connection = connected(where)
    entry = _one(_quarantine(connection, inbound), name)
    content = text_of(entry)
    for field, value in sorted(entry.stored.items()):
        if field != "content" or content is None:
            text = shown(value, connection.zone)
            click.echo(table.printable(f"{field:<20}{text}"))
    if entry.unreadable:
        click.echo(not_readable(entry))
    if content is not None:
        click.echo()
        for line in table.paragraphs(content):
            click.echo(line)


@quarantine.command()
@click.argument("names", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every entry.")
@click.option("--yes", is_flag=True, help="Do not ask before posting for a real project.")
@function_options
@firestore_options
def replay(
    where: FirestoreOptions, names: tuple[str, ...], everything: bool, **options: Any
) -> None:
    """
    Post entries to the function again.

    They stay in quarantine until deleted. An entry that cannot be posted is named
    and left out.

    \b
    python -m cmc_webhook quarantine replay 3f2a9c 77ab01
    python -m cmc_webhook quarantine replay --all --project P --url https://…
    """
    _require_choice(names, everything)
    connection = connected(where)
    kept = _quarantine(connection, inbound=False)
    pages = kept.pages(_READ_AT_ONCE) if everything else [[_one(kept, name) for name in names]]
    messages, left_out = [], 0
    for entry in itertools.chain.from_iterable(pages):
        try:
            body = body_of(entry, connection.zone)
        except NotReplayableError as error:
            left_out += 1
            click.echo(
                f"{table.printable(entry.id[:_SHORT_ID])}: {_OBSTACLES[error.why]}", err=True
            )
            continue
        if has_odd_bytes(entry):
            click.echo(f"{table.printable(entry.id[:_SHORT_ID])}: {_ODD_BYTES}", err=True)
        messages.append((saved_message(body, options["credential"]), 1))
    if messages and (connection.real or not is_loopback(options["url"])):
        _ask(
            f"Post {_entries(len(messages), connection)} to {without_query(options['url'])}?",
            options["yes"],
        )
    conclude_replay(post_all(options["url"], messages))
    if left_out:
        raise click.ClickException(f"{_entries(left_out, connection)} could not be posted again.")


@quarantine.command()
@click.argument("names", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every entry.")
@click.option("--yes", is_flag=True, help="Do not ask before deleting in a real project.")
@_inbound
@firestore_options
def delete(
    where: FirestoreOptions, names: tuple[str, ...], everything: bool, yes: bool, inbound: bool
) -> None:
    """
    Delete entries.

    Objects of received mail in the bucket are not deleted.

    \b
    python -m cmc_webhook quarantine delete 3f2a9c
    python -m cmc_webhook quarantine delete --all --project P --yes
    """
    _require_choice(names, everything)
    connection = connected(where)
    kept = _quarantine(connection, inbound)
    ids = [*kept.ids()] if everything else [_one(kept, name).id for name in names]
    if connection.real:
        _ask(f"Delete {_entries(len(ids), connection)}?", yes)
    kept.delete(ids)
    click.echo(f"Deleted {_entries(len(ids), connection)}.")


def _quarantine(connection: Connection, inbound: bool) -> Quarantine:
    return Quarantine(
        connection.client, connection.inbound_collection if inbound else connection.collection
    )


def _require_choice(names: tuple[str, ...], everything: bool) -> None:
    if bool(names) == everything:
        raise click.UsageError("Name one or more IDs, or give --all.")


def _one(kept: Quarantine, name: str) -> Document:
    """Return the only entry whose id begins with *name*, or raise ClickException."""
    found = kept.beginning(name) if re.fullmatch("[0-9a-f]+", name) else []
    if len(found) != 1:
        many = f"{len(found)} entries begin" if found else "No entry begins"
        raise click.ClickException(f"{many} with {table.printable(name)}.")
    return found[0]


def _ask(question: str, yes: bool) -> None:
    if not yes:
        click.confirm(question, abort=True, err=True)


def _entries(count: int, connection: Connection) -> str:
    number = "1 entry" if count == 1 else f"{count:,} entries"
    return f"{number} of project {connection.client.project}"


def _row(entry: Document, connection: Connection) -> list[str]:
    fields = entry.fields
    received = shown(fields.get("received_at"), connection.zone, "%m-%d %H:%M")
    content = text_of(entry)
    shown_content = fields.get("stored_at", "") if content is None else content[:_LONGEST_CONTENT]
    return [entry.id[:_SHORT_ID], received, fields.get("why", ""), shown_content]
