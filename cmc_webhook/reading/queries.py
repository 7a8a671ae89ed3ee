"""Queries run with a time limit, and documents as plain values."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from google.api_core.retry import Retry
from google.cloud.firestore import CollectionReference, Query
from google.cloud.firestore_v1.base_query import FieldFilter

PATIENCE: dict[str, Any] = {"retry": Retry(timeout=30), "timeout": 30}
# https://cloud.google.com/firestore/docs/query-data/queries#limits_on_or_queries
_MOST_VALUES = 30


class Document(NamedTuple):
    """A document: its id, and its fields with times in UTC."""

    id: str
    fields: dict[str, Any]


def run(query: Query) -> list[Document]:
    """Return the documents that *query* finds."""
    return [Document(found.id, found.to_dict() or {}) for found in query.stream(**PATIENCE)]


def get(collection: CollectionReference, document_id: str) -> Document | None:
    """Return the document with this id, which holds no slash, if there is one."""
    found = collection.document(document_id).get(**PATIENCE)
    return Document(found.id, found.to_dict() or {}) if found.exists else None


def count(query: Query) -> int:
    """Return how many documents *query* finds; Firestore counts, nothing is read."""
    results: Any = query.count().get(**PATIENCE)  # typed as flat, in fact a list of lists
    [[result]] = results
    return int(result.value)


def beginning(collection: CollectionReference, start: str) -> list[Document]:
    """Return the documents whose id begins with *start*, which holds no slash."""
    query = collection.order_by("__name__")
    return run(query.start_at({"__name__": start}).end_at({"__name__": f"{start}\uf8ff"}))


def of_message(collection: CollectionReference, message_id: str) -> list[Document]:
    """Return the documents with this message id, which may lack its angle brackets."""
    bare = message_id.removeprefix("<").removesuffix(">")
    return of_messages(collection, [bare, f"<{bare}>"])


def of_messages(collection: CollectionReference, message_ids: Sequence[str]) -> list[Document]:
    """Return the documents with one of these message ids, as they stand in the documents."""
    return [
        document
        for start in range(0, len(message_ids), _MOST_VALUES)
        for document in run(_named(collection, message_ids[start : start + _MOST_VALUES]))
    ]


def _named(collection: CollectionReference, message_ids: Sequence[str]) -> Query:
    return collection.where(filter=FieldFilter("message_id", "in", message_ids))
