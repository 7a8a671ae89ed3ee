"""The queries over the quarantine."""

import json
from collections.abc import Iterable
from typing import Any

from google.cloud.firestore import Client, Query
from google.cloud.firestore_v1.base_query import FieldFilter

from cmc_webhook.reading import queries
from cmc_webhook.reading.queries import PATIENCE, Document, Listing, run


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
        self._collection = client.collection(f"{collection}_quarantine")

    def listing(self) -> Listing:
        """Return the entries by their arrival."""
        return Listing(Query(self._collection), "received_at")

    def newest(self, most: int) -> list[Document]:
        """Return the entries that arrived last, the latest first."""
        return self.listing().page(most)

    def each(self) -> list[Document]:
        """Return all entries."""
        return run(Query(self._collection))

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

    def delete(self, ids: Iterable[str]) -> None:
        """Delete the entries with these ids."""
        for entry_id in ids:
            self._collection.document(entry_id).delete(**PATIENCE)
