"""The queries over the quarantine."""

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
    """The entry was cut when it was kept, so that its post cannot be made again."""


def text_of(entry: Document) -> str:
    """Return the content of *entry*; bytes that are no UTF-8 are replaced."""
    content = entry.fields["content"]
    return content.decode(errors="replace") if isinstance(content, bytes) else str(content)


def body_of(entry: Document) -> Any:
    """Return what to post, bytes or an object, for the same again, or raise CutEntryError."""
    kept = entry.fields
    if kept.get("truncated"):
        raise CutEntryError
    if kept["kind"] == "body":
        content = kept["content"]
        return content if isinstance(content, bytes) else content.encode()
    event = json.loads(text_of(entry))
    if kept["kind"] == "record":
        event = {kept["event_type"]: [event]}
    composition = kept.get("server_composition", "")
    event_type = kept.get("event_type", "")
    return {"event_type": event_type, "server_composition": composition, "event": event}


class Quarantine:
    """The quarantine beside a collection of status documents."""

    def __init__(self, client: Client, collection: str) -> None:
        self._client = client
        self._collection = client.collection(f"{collection}_quarantine")

    def listing(self) -> Listing:
        """Return the entries by their arrival."""
        return Listing(Query(self._collection), "received_at")

    def newest(self, most: int) -> list[Document]:
        """Return the entries that arrived last, the latest first."""
        return self.listing().page(most)

    def each(self) -> Iterator[Document]:
        """Yield all entries; each may have a megabyte."""
        return chain.from_iterable(self.listing().pages(_READ_AT_ONCE))

    def ids(self) -> Iterator[str]:
        """Yield the ids of all entries, whose content is not read."""
        bare = Listing(self._collection.select(["received_at"]), "received_at")
        return (entry.id for page in bare.pages(_DELETED_AT_ONCE) for entry in page)

    def of_composition(self, server_composition: str) -> list[Document]:
        """Return the entries of one server composition."""
        named = FieldFilter("server_composition", "==", server_composition)
        return run(self._collection.where(filter=named))

    def beginning(self, start: str) -> list[Document]:
        """Return the entries whose id begins with *start*, which holds no slash."""
        return queries.beginning(self._collection, start)

    def get(self, entry_id: str) -> Document | None:
        """Return the entry with this id, which holds no slash, if there is one."""
        return queries.get(self._collection, entry_id)

    def count(self) -> int:
        """Return how many entries there are."""
        return queries.count(Query(self._collection))

    def delete(self, ids: Sequence[str]) -> None:
        """Delete the entries with these ids."""
        for start in range(0, len(ids), _DELETED_AT_ONCE):
            batch = self._client.batch()
            for entry_id in ids[start : start + _DELETED_AT_ONCE]:
                batch.delete(self._collection.document(entry_id))
            batch.commit(**PATIENCE)
