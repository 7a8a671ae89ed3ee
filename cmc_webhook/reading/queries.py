"""What all queries share: time limits, documents as plain values, lists page by page."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from google.api_core.retry import Retry
from google.cloud.firestore import CollectionReference, Query
from google.cloud.firestore_v1.base_query import FieldFilter

PATIENCE: dict[str, Any] = {"retry": Retry(timeout=30), "timeout": 30}
# https://cloud.google.com/firestore/docs/query-data/queries#limits_on_or_queries
_MOST_VALUES = 30
# https://cloud.google.com/firestore/quotas#collections_documents_and_fields
_LONGEST_ID = 1_500


class Document(NamedTuple):
    """A document: its id and its fields, times in UTC."""

    id: str
    fields: dict[str, Any]


class Cursor(NamedTuple):
    """The place after a document in a listing; its text form stands in URLs and options."""

    at: datetime
    document_id: str

    def __str__(self) -> str:
        return f"{self.at.isoformat()}/{self.document_id}"


class Listing:
    """
    The documents of *query* by their field *time*, the latest first.

    Documents of the same time are ordered by id, so that a page starts where the
    previous one ended, even if documents arrive in between. Needs a composite index
    only if *query* filters by another field.
    """

    def __init__(self, query: Query, time: str) -> None:
        ordered = query.order_by(time, direction=Query.DESCENDING)
        self.query = ordered.order_by("__name__", direction=Query.DESCENDING)
        self._time = time

    def page(self, size: int, after: Cursor | None = None) -> list[Document]:
        """Return at most *size* documents, starting at *after* if it is given."""
        query = self.query
        if after:
            query = query.start_after({self._time: after.at, "__name__": after.document_id})
        return run(query.limit(size))

    def pages(self, size: int, after: Cursor | None = None) -> Iterator[list[Document]]:
        """Yield all documents in pages of *size*."""
        while found := self.page(size, after):
            yield found
            after = self.behind(found[-1])

    def behind(self, document: Document) -> Cursor:
        """Return the cursor of the place after *document*."""
        return Cursor(document.fields[self._time], document.id)


def parse_cursor(text: str) -> Cursor:
    """Return the cursor of which *text* is the text form. Raises ValueError."""
    time, _, document_id = text.partition("/")
    at = datetime.fromisoformat(time)
    if not is_id(document_id) or at.tzinfo is None or not 2000 <= at.year <= 2100:
        raise ValueError(f"{text!r} is no cursor")
    return Cursor(at, document_id)


def run(query: Query) -> list[Document]:
    """Return the documents that *query* finds."""
    return [Document(found.id, found.to_dict() or {}) for found in query.stream(**PATIENCE)]


def get(collection: CollectionReference, document_id: str) -> Document | None:
    """Return the document with this id; None if there is none, or no document can have it."""
    if not is_id(document_id):
        return None
    found = collection.document(document_id).get(**PATIENCE)
    return Document(found.id, found.to_dict() or {}) if found.exists else None


def is_id(text: str) -> bool:
    """Return whether a document can have the id *text*."""
    if not 0 < len(text.encode(errors="replace")) <= _LONGEST_ID or text in (".", ".."):
        return False
    return "/" not in text and not re.fullmatch("__.*__", text, re.DOTALL)


def count(query: Query) -> int:
    """Return how many documents *query* finds. Firestore counts; no document is read."""
    results: Any = query.count().get(**PATIENCE)  # typed as flat, in fact a list of lists
    [[result]] = results
    return int(result.value)


def beginning(collection: CollectionReference, start: str) -> list[Document]:
    """Return the documents whose id begins with *start*, which must not contain a slash."""
    query = collection.order_by("__name__")
    return run(query.start_at({"__name__": start}).end_at({"__name__": f"{start}\uf8ff"}))


def of_message(collection: CollectionReference, message_id: str) -> list[Document]:
    """Return the documents with this message id, with or without its angle brackets."""
    return of_messages(collection, spellings(message_id))


def spellings(message_id: str) -> list[str]:
    """Return the two forms of a message id in documents: without and with angle brackets."""
    bare = message_id.removeprefix("<").removesuffix(">")
    return [bare, f"<{bare}>"]


def of_messages(collection: CollectionReference, message_ids: Sequence[str]) -> list[Document]:
    """Return the documents with one of these message ids, written exactly so."""
    return [
        document
        for start in range(0, len(message_ids), _MOST_VALUES)
        for document in run(_named(collection, message_ids[start : start + _MOST_VALUES]))
    ]


def _named(collection: CollectionReference, message_ids: Sequence[str]) -> Query:
    return collection.where(filter=FieldFilter("message_id", "in", message_ids))
