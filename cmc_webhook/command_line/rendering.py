"""Documents as JSON, in rows a page at a time and in labelled lines; statuses in colour."""

import base64
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from cmc_webhook.reading import table
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.language import text, texts
from cmc_webhook.reading.queries import Cursor, Listing
from cmc_webhook.reading.times import in_zone
from cmc_webhook.status.events import Status

LABEL = 20
# What a field `id` of another writer is called: a name that Firestore gives to no field.
_OTHER_ID = "__id__"
_COLOURS = {
    Status.SUCCEEDED: "green",
    Status.DEFERRED: "yellow",
    Status.SUPPRESSED: "yellow",
    Status.FAILED: "red",
    Status.BOUNCED: "red",
}


def document_json(document: Document, zone: ZoneInfo) -> str:
    """Return all fields and the ``id`` as a line of JSON, times in *zone*, bytes in base64."""
    fields = dict(document.stored)
    other = {_OTHER_ID: fields.pop("id")} if "id" in fields else {}
    return as_json({"id": document.id, **fields, **other}, zone)


def document_lines(
    documents: Sequence[Document],
    zone: ZoneInfo,
    json_lines: bool,
    describe: Callable[[Document, ZoneInfo], Iterator[str]],
) -> Iterator[str]:
    """Yield each document as a line of JSON, or as *describe* does, with a blank line between."""
    for number, document in enumerate(documents):
        if json_lines:
            yield document_json(document, zone)
            continue
        if number:
            yield ""
        yield from describe(document, zone)


def print_page(
    listing: Listing,
    zone: ZoneInfo,
    *,
    limit: int,
    after: Cursor | None,
    json_lines: bool,
    rows: Callable[[list[Document]], Iterable[str]],
    empty: Callable[[], str],
) -> None:
    """Print a page of *listing*, and on stderr how to continue, or *empty* where there is none."""
    documents = listing.page(limit, after)
    for line in (
        (document_json(each, zone) for each in documents) if json_lines else rows(documents)
    ):
        click.echo(line)
    if not json_lines:
        warn_of_unreadable(documents)
    if not documents:
        click.echo(text("list.no_more") if after else empty(), err=True)
    elif len(documents) == limit:
        position = table.printable(listing.behind(documents[-1]))
        click.echo(text("list.more", position=f"'{position}'"), err=True)


def as_json(value: Any, zone: ZoneInfo) -> str:
    """Return a line of strict JSON without controls; other values are text: "NaN", base64."""
    # Only UTF-8 has every character; elsewhere an escape means the same.
    escaped = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
    line = json.dumps(_json_value(value, zone), ensure_ascii=escaped, allow_nan=False)
    if line.isprintable():
        return line
    # They can only be inside of strings.
    controls = [c for c in set(line) if table.printable(c) != c]
    return line.translate({ord(c): json.dumps(c)[1:-1] for c in controls})


def _json_value(value: Any, zone: ZoneInfo) -> Any:
    match value:
        case Mapping():
            return {str(name): _json_value(each, zone) for name, each in value.items()}
        case list():
            return [_json_value(each, zone) for each in value]
        case datetime():
            return in_zone(value, zone).isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case _:
            return value


def not_readable(document: Document) -> str:
    """Return the sentence on the fields that views cannot show, empty if there are none."""
    names = table.printable(", ".join(document.unreadable))
    return text("list.not_readable", fields=names) if names else ""


def warn_of_unreadable(documents: Iterable[Document]) -> None:
    """Print on stderr which fields of which documents views cannot show."""
    for document in documents:
        if document.unreadable:
            click.echo(f"{table.printable(document.id)}: {not_readable(document)}", err=True)


def coloured(shown: str, status: str) -> str:
    """Return *shown* in the colour of *status*; click removes it if the output is no terminal."""
    return click.style(shown, fg=_COLOURS.get(Status(status))) if status in [*Status] else shown


def columns(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    elastic: Sequence[int],
    statuses: Sequence[str] = (),
) -> Iterator[str]:
    """Yield headings and *rows*, *elastic* columns cut to fit, "status" in colour by *statuses*."""
    if not rows:
        return
    headings = [text(f"column.{name}") for name in names]
    head, *padded = table.lines([headings, *rows], table.terminal_width(), elastic)
    yield click.style(table.joined(head), bold=True)
    for number, cells in enumerate(padded):
        if statuses:
            position = names.index("status")
            cells[position] = coloured(cells[position], statuses[number])
        yield table.joined(cells)


def labelled(label: str, value: str, indent: int = LABEL) -> Iterator[str]:
    """Yield *value* beside its label, wrapped."""
    room = max(20, table.terminal_width() - indent)
    for number, line in enumerate(table.wrap(table.printable(value), room)):
        yield table.pad("" if number else label, indent) + line


def field_lines(name: str, value: str) -> Iterator[str]:
    """Yield the *value* of a document's field beside what the field is called."""
    return labelled(texts().name("field", name), value)
