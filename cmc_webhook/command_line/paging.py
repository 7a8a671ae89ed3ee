"""Lists, a page at a time: how a page is printed, and how to continue."""

from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line.commands import PageOptions
from cmc_webhook.command_line.rendering import document_json, warn_of_unreadable
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.language import text
from cmc_webhook.reading.queries import Listing
from cmc_webhook.reading.table import printable


def print_page(
    listing: Listing,
    page: PageOptions,
    zone: ZoneInfo,
    *,
    table: Callable[[list[Document]], Iterable[str]],
    empty: Callable[[], str],
) -> None:
    """Print a page of *listing*, and on stderr how to continue, or *empty* where there is none."""
    documents = listing.page(page.limit, page.after)
    if page.json_lines:
        lines: Iterable[str] = (document_json(each, zone) for each in documents)
    else:
        lines = table(documents)
    for line in lines:
        click.echo(line)
    if not page.json_lines:
        warn_of_unreadable(documents)
    if not documents:
        click.echo(text("list.no_more") if page.after else empty(), err=True)
    elif len(documents) == page.limit:
        position = printable(listing.behind(documents[-1]))
        click.echo(text("list.more", position=f"'{position}'"), err=True)
