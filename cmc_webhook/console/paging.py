"""A list page by page; the address holds the way back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from cmc_webhook.console.filters import read_trail
from cmc_webhook.reading.queries import Document, Listing


@dataclass(frozen=True, slots=True)
class Page:
    """
    The documents of one page, and the addresses of the pages around it.

    *newest* and *newer* are missing on the first page, *older* on the last.
    """

    documents: Sequence[Document]
    documents_read: int
    newest: str | None
    newer: str | None
    older: str | None


def paged(
    listing: Listing, size: int, endpoint: str, parameters: Mapping[str, Any] | None = None
) -> Page:
    """Return the page of *listing* that the request is for; *endpoint* shows the others."""
    trail = read_trail(request.args)
    places = [text for text, _ in trail]
    # One more than is shown tells whether there is a next page.
    found = listing.page(size + 1, trail[-1][1] if trail else None)
    shown = found[:size]

    def address(after: Sequence[str]) -> str:
        return url_for(endpoint, **(parameters or {}), after=after)

    return Page(
        shown,
        len(found),
        newest=address([]) if places else None,
        newer=address(places[:-1]) if places else None,
        older=address([*places, str(listing.behind(shown[-1]))]) if len(found) > size else None,
    )
