"""
Reads that can be run again, so that a transaction can check what it has read. Pure.

A read is a function of a StorageReader.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from cmc_webhook.local_firestore import queries
from cmc_webhook.local_firestore.messages import Message
from cmc_webhook.local_firestore.resource_names import DocumentName
from cmc_webhook.local_firestore.storage import StorageReader


class ReadResult(NamedTuple):
    """
    The documents, how many the offset skipped before them, and how many there are.

    A count has no documents.
    """

    documents: Sequence[Message]
    skipped: int = 0
    found: int = 0


Read: TypeAlias = Callable[[StorageReader], ReadResult]


def get_all(names: Iterable[DocumentName]) -> Read:
    """Read those of *names* that exist."""
    kept = list(names)

    def read(reader: StorageReader) -> ReadResult:
        found = (reader.get(name) for name in kept)
        return ReadResult([document for document in found if document is not None])

    return read


def select(query: queries.Query) -> Read:

    def read(reader: StorageReader) -> ReadResult:
        names, skipped = reader.find(query)
        return ReadResult(get_all(names)(reader).documents, skipped, len(names))

    return read


def count(query: queries.Query) -> Read:
    """Count the documents of *query* without reading them."""
    return lambda reader: ReadResult((), found=reader.count(query))
