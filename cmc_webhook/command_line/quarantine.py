"""`quarantine`: look at what could not be read, post it again, delete it."""

import re
from typing import Any

import click

from cmc_webhook.command_line import table
from cmc_webhook.command_line.paging import paging_options, say_more
from cmc_webhook.command_line.rendering import as_json, columns
from cmc_webhook.command_line.replay import conclude
from cmc_webhook.command_line.sending import post_all
from cmc_webhook.command_line.times import shown
from cmc_webhook.reading.connection import Connection, FirestoreOptions
from cmc_webhook.reading.options import connected, firestore_options, function_options
from cmc_webhook.reading.quarantine import CutEntryError, Quarantine, body_of, text_of
from cmc_webhook.reading.queries import Cursor, Document
from cmc_webhook.simulator.posting import is_loopback, saved_message, without_query

_SHORT_ID = 12
# Of what may have a megabyte in one line.
_MOST_SHOWN = 200


@click.group()
def quarantine() -> None:
    """
    Look at what could not be read, post it again, delete it.

    An ID is that of an entry or the beginning of it, as `list` shows it.

    \b
    python -m cmc_webhook quarantine list
    python -m cmc_webhook quarantine show 3f2a9c
    python -m cmc_webhook quarantine replay 3f2a9c --bearer KEY
    python -m cmc_webhook quarantine delete --all
    python -m cmc_webhook quarantine list --inbound
    """


_inbound = click.option("--inbound", is_flag=True, help="The quarantine of received mail.")


@quarantine.command("list")
@paging_options
@click.option("--json", "json_lines", is_flag=True, help="A JSON object a line, all fields.")
@_inbound
@firestore_options
def list_entries(
    where: FirestoreOptions, limit: int, after: Cursor | None, json_lines: bool, inbound: bool
) -> None:
    """
    List entries, the newest first.

    \b
    python -m cmc_webhook quarantine list --limit 10
    """
    connection = connected(where)
    listing = _held(connection, inbound).listing()
    entries = listing.page(limit, after)
    if json_lines:
        for entry in entries:
            click.echo(as_json(entry.id, entry.fields, connection.zone))
    else:
        rows = [_row(entry, connection) for entry in entries]
        for line in columns(["id", "received", "why", "content"], rows, (3,)):
            click.echo(line)
    say_more(listing, entries, limit)


@quarantine.command()
@click.argument("name", metavar="ID")
@_inbound
@firestore_options
def show(where: FirestoreOptions, name: str, inbound: bool) -> None:
    """
    Show an entry with its whole content.

    Of received mail that is in the bucket: it shows where.

    \b
    python -m cmc_webhook quarantine show 3f2a9c
    """
    connection = connected(where)
    entry = _one(_held(connection, inbound), name)
    for field, value in sorted(entry.fields.items()):
        if field != "content":
            told = shown(value, connection.zone) if field.endswith("_at") else value
            click.echo(f"{field:<20}{table.printable(told)}")
    if "content" in entry.fields:
        click.echo()
        for line in table.paragraphs(text_of(entry)):
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

    They stay in quarantine until deleted.

    \b
    python -m cmc_webhook quarantine replay 3f2a9c 77ab01
    python -m cmc_webhook quarantine replay --all --project P --url https://…
    """
    _refuse_accident(names, everything)
    connection = connected(where)
    held = _held(connection, inbound=False)
    entries = [*held.each()] if everything else [_one(held, name) for name in names]
    messages = [(saved_message(_body(entry), options["credential"]), 1) for entry in entries]
    if connection.real or not is_loopback(options["url"]):
        _ask(
            f"Post {_entries(len(entries), connection)} to {without_query(options['url'])}?",
            options["yes"],
        )
    conclude(post_all(options["url"], messages))


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

    What the bucket holds of received mail stays there.

    \b
    python -m cmc_webhook quarantine delete 3f2a9c
    python -m cmc_webhook quarantine delete --all --project P --yes
    """
    _refuse_accident(names, everything)
    connection = connected(where)
    held = _held(connection, inbound)
    ids = [*held.ids()] if everything else [_one(held, name).id for name in names]
    if connection.real:
        _ask(f"Delete {_entries(len(ids), connection)}?", yes)
    held.delete(ids)
    click.echo(f"Deleted {_entries(len(ids), connection)}.")


def _held(connection: Connection, inbound: bool) -> Quarantine:
    return Quarantine(
        connection.client, connection.inbound_collection if inbound else connection.collection
    )


def _refuse_accident(names: tuple[str, ...], everything: bool) -> None:
    if bool(names) == everything:
        raise click.UsageError("Name one or more IDs, or give --all.")


def _one(held: Quarantine, name: str) -> Document:
    """Return the entry that is meant: *name* is a beginning of its id that no other has."""
    found = held.beginning(name) if re.fullmatch("[0-9a-f]+", name) else []
    if len(found) != 1:
        many = f"{len(found)} entries begin" if found else "No entry begins"
        raise click.ClickException(f"{many} with {table.printable(name)}.")
    return found[0]


def _body(entry: Document) -> Any:
    try:
        return body_of(entry)
    except CutEntryError as error:
        raise click.ClickException(
            f"{entry.id[:_SHORT_ID]} was cut when it was kept: delete it."
        ) from error


def _ask(question: str, yes: bool) -> None:
    if not yes:
        click.confirm(question, abort=True, err=True)


def _entries(count: int, connection: Connection) -> str:
    number = "1 entry" if count == 1 else f"{count:,} entries"
    return f"{number} of project {connection.client.project}"


def _row(entry: Document, connection: Connection) -> list[str]:
    fields = entry.fields
    received = shown(fields.get("received_at"), connection.zone, "%m-%d %H:%M")
    content = text_of(entry) if "content" in fields else fields.get("stored_at", "")
    return [entry.id[:_SHORT_ID], received, fields.get("why", ""), content[:_MOST_SHOWN]]
