"""Queries run with a time limit, and documents as plain values."""

from typing import Any, NamedTuple

from google.api_core.retry import Retry
from google.cloud.firestore import CollectionReference, Query

PATIENCE: dict[str, Any] = {"retry": Retry(timeout=30), "timeout": 30}


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
