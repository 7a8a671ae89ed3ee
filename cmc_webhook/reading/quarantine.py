"""Queries over a quarantine, and how to post an entry again."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from google.cloud.firestore import Client, Query
from google.cloud.firestore_v1.base_query import FieldFilter

from cmc_webhook.reading import queries
from cmc_webhook.reading.queries import PATIENCE, Document, Listing, run

_READ_AT_ONCE = 50
_DELETED_AT_ONCE = 500


class CutEntryError(Exception):
    """The entry was cut when it was stored, so it cannot be posted again."""


def text_of(entry: Document) -> str:
    """Return the content of *entry*; bytes that are not UTF-8 become U+FFFD."""
    content = entry.fields["content"]
    return content.decode(errors="replace") if isinstance(content, bytes) else str(content)


def body_of(entry: Document) -> Any:
    """
    Return the body to post, as bytes or as an object of JSON.

    Raises CutEntryError, and ValueError if somebody has changed the content so that it is not JSON.
    """
    fields = entry.fields
    if fields.get("truncated"):
        raise CutEntryError
    if fields["kind"] == "body":
        content = fields["content"]
        return content if isinstance(content, bytes) else content.encode()
    event = json.loads(text_of(entry))
    if fields["kind"] == "record":
        event = {fields["event_type"]: [event]}
    composition = fields.get("server_composition", "")
    event_type = fields.get("event_type", "")
    return {"event_type": event_type, "server_composition": composition, "event": event}


class Quarantine:
    """The quarantine of the function that writes to *collection*."""

    def __init__(self, client: Client, collection: str) -> None:
        self._client = client
        self._collection = client.collection(f"{collection}_quarantine")

    def listing(self) -> Listing:
        """Return the entries, the latest first."""
        return Listing(Query(self._collection), "received_at")

    def newest(self, most: int) -> list[Document]:
        """Return the latest entries, at most *most*."""
        return self.listing().page(most)

    def each(self) -> Iterator[Document]:
        """Yield all entries; each may have nearly 1 MB."""
        return chain.from_iterable(self.listing().pages(_READ_AT_ONCE))

    def ids(self) -> Iterator[str]:
        """Yield the ids of all entries without reading their content."""
        bare = Listing(self._collection.select(["received_at"]), "received_at")
        return (entry.id for page in bare.pages(_DELETED_AT_ONCE) for entry in page)

    def of_composition(self, server_composition: str) -> list[Document]:
        """Return the entries of one server composition."""
        named = FieldFilter("server_composition", "==", server_composition)
        return run(self._collection.where(filter=named))

    def beginning(self, start: str) -> list[Document]:
        """Return the entries whose id begins with *start*, which must not contain a slash."""
        return queries.beginning(self._collection, start)

    def get(self, entry_id: str) -> Document | None:
        """Return the entry with this id, if there is one."""
        return queries.get(self._collection, entry_id)

    def count(self) -> int:
        """Return the number of entries."""
        return queries.count(Query(self._collection))

    def delete(self, ids: Sequence[str]) -> None:
        """Delete the entries with these ids."""
        for start in range(0, len(ids), _DELETED_AT_ONCE):
            batch = self._client.batch()
            for entry_id in ids[start : start + _DELETED_AT_ONCE]:
                batch.delete(self._collection.document(entry_id))
            batch.commit(**PATIENCE)
