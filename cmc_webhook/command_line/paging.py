"""Lists, a page at a time: their options, and how a page is printed."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line.rendering import document_json, warn_of_unreadable
from cmc_webhook.command_line.table import printable
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.queries import Cursor, Listing, parse_cursor


class CursorType(click.ParamType[Cursor]):
    """A position in a list, as the command that stopped there has printed it."""

    name = "position"

    def convert(self, value: Any, param: Any, ctx: Any) -> Cursor:
        """Return the cursor."""
        try:
            return parse_cursor(value)
        except ValueError:
            self.fail(f"{value!r} is not a position that a list has printed.", param, ctx)


@dataclass(frozen=True, slots=True)
class PageOptions:
    """The options ``--limit``, ``--after`` and ``--json``."""

    limit: int
    after: Cursor | None
    json_lines: bool


def argument(after: Cursor) -> str:
    """Return *after* as an argument for a shell."""
    return f"'{printable(after)}'"


def page_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options of a page, as its argument *page*."""

    @click.option(
        "--limit", default=50, type=click.IntRange(1, 1000), show_default=True, help="Most to list."
    )
    @click.option("--after", type=CursorType(), help="Continue where the last list ended.")
    @click.option("--json", "json_lines", is_flag=True, help="A JSON object per line, all fields.")
    @functools.wraps(command)
    def with_page(limit: int, after: Cursor | None, json_lines: bool, **options: Any) -> Any:
        return command(page=PageOptions(limit, after, json_lines), **options)

    return with_page


def print_page(
    listing: Listing,
    page: PageOptions,
    zone: ZoneInfo,
    *,
    table: Callable[[list[Document]], Iterable[str]],
    empty: Callable[[], str],
) -> None:
    """
    Print a page of *listing* as lines of *table* or of JSON, and on stderr how to continue.

    *empty* returns the sentence for an empty list.
    """
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
        click.echo("There are no more." if page.after else empty(), err=True)
    elif len(documents) == page.limit:
        click.echo(
            f"There may be more: --after {argument(listing.behind(documents[-1]))}", err=True
        )
