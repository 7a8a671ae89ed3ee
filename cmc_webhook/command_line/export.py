"""`export`: mails as CSV for Excel or as JSON Lines."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click
from google.api_core.exceptions import GoogleAPIError

from cmc_webhook.command_line.rendering import document_json, warn_of_unreadable
from cmc_webhook.reading.cli import progress_bar
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.language import text
from cmc_webhook.reading.opened import connected
from cmc_webhook.reading.queries import Cursor
from cmc_webhook.reading.spreadsheets import csv_lines
from cmc_webhook.reading.statuses import Filters
from cmc_webhook.reading.table import printable

# Each page is a call; Firestore charges by document, whatever the size of a page.
_PAGE = 2_000
_MOST_NAMED = 20


def export(
    where: FirestoreOptions, filters: Filters, form: str, output: Path | None, after: Cursor | None
) -> None:
    """Write mails to a file or to standard output, newest status first."""
    connection = connected(where)
    statuses = connection.statuses
    listing = statuses.listing(filters)
    is_start = after is None
    unreadable = 0

    def mails() -> Iterator[Document]:
        """Yield every mail; one counts as written when the next is asked for."""
        nonlocal after, unreadable
        found = chain.from_iterable(listing.pages(_PAGE, after))
        with progress_bar(found, statuses.counts([filters])[0]) as tracked:
            for mail in tracked:
                yield mail
                unreadable += bool(mail.unreadable)
                if unreadable <= _MOST_NAMED:
                    warn_of_unreadable([mail])
                after = listing.behind(mail)
        if unreadable > _MOST_NAMED:
            click.echo(text("list.all_unreadable", count=f"{unreadable:,}"), err=True)

    if form == "csv":
        lines = csv_lines(mails(), connection.zone, is_start)
    else:
        lines = (f"{document_json(mail, connection.zone)}\n" for mail in mails())
    with click.open_file(output or "-", "wb" if is_start else "ab") as file:
        try:
            file.writelines(map(str.encode, lines))
        except (KeyboardInterrupt, GoogleAPIError):
            if after:
                click.echo(text("progress.incomplete", position=f"'{printable(after)}'"), err=True)
            raise
