"""A list page by page; the URL holds the way back to the first page."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask import request, url_for

from cmc_webhook.console.filters import BadParameterError
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.queries import Listing, parse_cursor

PAGE = 50
# More would make the URL too long.
_MOST_STEPS_BACK = 40


class ListPage(NamedTuple):
    """A page; *newest* and *newer* are URLs, None on the first page, like *older* on the last."""

    documents: Sequence[Document]
    documents_read: int
    newest: str | None
    newer: str | None
    older: str | None


def paged(listing: Listing, parameters: Mapping[str, Any]) -> ListPage:
    """Return the requested page of *listing*; the blueprint's `show` has the others."""
    trail = request.args.getlist("after")[-_MOST_STEPS_BACK:]
    try:
        cursors = [parse_cursor(text) for text in trail]
    except ValueError:
        raise BadParameterError("after") from None
    documents, following = listing.shown(PAGE, cursors[-1] if cursors else None)

    def url(after: Sequence[str]) -> str:
        return url_for(".show", **parameters, after=after)

    return ListPage(
        documents,
        listing.documents_read,
        newest=url([]) if trail else None,
        newer=url(trail[:-1]) if trail else None,
        older=url([*trail, str(following)]) if following else None,
    )
