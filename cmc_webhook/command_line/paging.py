"""The options with which every list is read page by page."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from cmc_webhook.reading.queries import Cursor, Document, Listing, parse_cursor


class CursorType(click.ParamType[Cursor]):
    """The place at which a listing goes on, as the listing before has said it."""

    name = "place"

    def convert(self, value: Any, param: Any, ctx: Any) -> Cursor:
        """Return the cursor."""
        try:
            return parse_cursor(value)
        except ValueError:
            self.fail(f"{value!r} is no place that a listing has named.", param, ctx)


def paging_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options of a page, as its arguments *limit* and *after*."""
    after = click.option(
        "--after", type=CursorType(), help="Go on at the place that the last list named."
    )
    limit = click.option(
        "--limit", default=50, type=click.IntRange(1, 1000), show_default=True, help="At most."
    )
    return limit(after(command))


def say_more(listing: Listing, page: Sequence[Document], limit: int) -> None:
    """Say on stderr how *listing* goes on after *page*, unless that is clearly the end."""
    if len(page) == limit:
        click.echo(f"There may be more: --after '{listing.behind(page[-1])}'", err=True)
