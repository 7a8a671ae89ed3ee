"""What a client reads, in a form that can be asked again. Pure, but for the reader it is given."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from cmc_webhook.local_firestore import queries
from cmc_webhook.local_firestore.messages import Message
from cmc_webhook.local_firestore.resource_names import DocumentName
from cmc_webhook.local_firestore.storage import Reader


class Answer(NamedTuple):
    """
    What a question found: the documents, how many more an offset skipped, and how many are found.

    Who asks only for that last number gets no documents.
    """

    documents: Sequence[Message]
    skipped: int = 0
    found: int = 0


# Something that a client reads; asked again, it tells whether that is still so.
Question: TypeAlias = Callable[[Reader], Answer]


def get_all(names: Iterable[DocumentName]) -> Question:
    """Ask for those of *names* that exist."""
    kept = list(names)

    def question(reader: Reader) -> Answer:
        found = (reader.get(name) for name in kept)
        return Answer([document for document in found if document is not None])

    return question


def select(query: queries.Query) -> Question:
    """Ask for the result of *query*."""

    def question(reader: Reader) -> Answer:
        names, skipped = reader.find(query)
        return Answer(get_all(names)(reader).documents, skipped, len(names))

    return question


def count(query: queries.Query) -> Question:
    """Ask how many documents *query* selects, without reading them."""
    return lambda reader: Answer((), found=reader.count(query))


def masked(document: Message, mask: queries.Projection) -> Message:
    """Return *document* with the fields of *mask*, all of them if that is None."""
    return document if mask is None else queries.project(document, mask)
