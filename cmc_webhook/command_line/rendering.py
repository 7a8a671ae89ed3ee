"""Documents as JSON, as table rows and as labelled lines, and statuses in colour."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line import table
from cmc_webhook.status.events import Status

LABEL = len("server_composition") + 2
_COLOURS = {
    Status.SUCCEEDED: "green",
    Status.DEFERRED: "yellow",
    Status.SUPPRESSED: "yellow",
    Status.FAILED: "red",
    Status.BOUNCED: "red",
}


def as_json(document_id: str, fields: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Return a document as one line of JSON, times in *zone*, bytes as base64."""

    def plain(value: Any) -> str:
        if isinstance(value, datetime):
            return value.astimezone(zone).isoformat()
        return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)

    return json.dumps({"id": document_id, **fields}, ensure_ascii=False, default=plain)


def coloured(text: str, status: str) -> str:
    """Return *text* in the colour of *status*; click removes it if the output is no terminal."""
    return click.style(text, fg=_COLOURS.get(Status(status))) if status in [*Status] else text


def columns(
    headings: Sequence[str], rows: Sequence[Sequence[str]], elastic: Sequence[int]
) -> Iterator[str]:
    """Yield *rows* below their headings; the columns *elastic* are cut to fit the terminal."""
    if rows:
        head, *padded = table.lines([headings, *rows], table.terminal_width(), elastic)
        yield click.style(table.joined(head), bold=True)
        yield from map(table.joined, padded)


def labelled(label: str, text: str, indent: int = LABEL) -> Iterator[str]:
    """Yield *text* beside its label, wrapped."""
    room = max(20, table.terminal_width() - indent)
    for number, line in enumerate(table.wrap(table.printable(text), room)):
        yield table.pad("" if number else label, indent) + line
