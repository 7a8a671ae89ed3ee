"""`export`: mails as CSV for Excel or as JSON Lines."""

import contextlib
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, TypeAlias
from zoneinfo import ZoneInfo

import click
from google.api_core.exceptions import GoogleAPIError

from cmc_webhook.command_line.paging import argument
from cmc_webhook.command_line.rendering import document_json, warn_of_unreadable
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.language import text
from cmc_webhook.reading.options import connected
from cmc_webhook.reading.queries import Cursor, Listing
from cmc_webhook.reading.spreadsheets import csv_lines
from cmc_webhook.reading.statuses import Filters, MailStatuses

_Encoder: TypeAlias = Callable[[Iterable[Document], ZoneInfo, bool], Iterator[str]]

# Each page is a call; Firestore charges by document, whatever the size of a page.
_PAGE = 2_000
_MOST_NAMED = 20


def export(
    where: FirestoreOptions, filters: Filters, form: str, output: Path | None, after: Cursor | None
) -> None:
    """Write mails to a file or to standard output, newest status first."""
    connection = connected(where)
    mails = MailStatuses(connection.client, connection.collection)
    encode: _Encoder = csv_lines if form == "csv" else _json_lines
    with contextlib.ExitStack() as stack:
        if output:
            mode = "a" if after else "w"
            file: IO[str] = stack.enter_context(output.open(mode, encoding="utf-8", newline=""))
        else:
            file = sys.stdout
            if isinstance(file, io.TextIOWrapper):
                file.reconfigure(encoding="utf-8")
        progress = _Progress(mails.listing(filters), after)
        found = progress.track(total=mails.counts([filters])[0])
        try:
            for line in encode(found, connection.zone, after is None):
                file.write(line)
        except (KeyboardInterrupt, GoogleAPIError):
            if progress.after:
                position = argument(progress.after)
                click.echo(text("progress.incomplete", position=position), err=True)
            raise


class _Progress:
    """The progress of an export: a bar on a terminal, and the position to continue from."""

    def __init__(self, listing: Listing, after: Cursor | None) -> None:
        self._listing = listing
        self.after = after
        self._unreadable = 0

    def _note(self, mail: Document) -> None:
        self._unreadable += bool(mail.unreadable)
        if self._unreadable <= _MOST_NAMED:
            warn_of_unreadable([mail])

    def track(self, total: int) -> Iterator[Document]:
        """Yield every mail; a mail counts as written when the next one is asked for."""
        hidden = not sys.stderr.isatty()
        mails = chain.from_iterable(self._listing.pages(_PAGE, self.after))
        with click.progressbar(mails, total, file=sys.stderr, hidden=hidden) as tracked:
            for mail in tracked:
                yield mail
                self._note(mail)
                self.after = self._listing.behind(mail)
        if self._unreadable > _MOST_NAMED:
            click.echo(text("list.all_unreadable", count=f"{self._unreadable:,}"), err=True)


def _json_lines(mails: Iterable[Document], zone: ZoneInfo, with_head: bool) -> Iterator[str]:
    for mail in mails:
        yield document_json(mail, zone) + "\n"
