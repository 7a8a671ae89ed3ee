"""Queries over received mail."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from google.cloud.firestore import Client, Query
from google.cloud.firestore_v1.base_query import FieldFilter

from cmc_webhook.reading import queries
from cmc_webhook.reading.documents import RECEIVED, Document
from cmc_webhook.reading.pasted import addresses
from cmc_webhook.reading.queries import Listing

_LISTED = ("received_at", "from", "to", "envelope_to", "subject", "attachments")


# The fields by which received mails are searched; of the second one element is compared.
SENDER, RECIPIENT = "from.address", "envelope_to"


@dataclass(frozen=True, kw_only=True)
class ReceivedFilters:
    """
    Which received mails to choose; an empty filter chooses all.

    Addresses are as people paste them (see pasted). *until* is not included.
    """

    sender: str = ""
    recipient: str = ""
    since: datetime | None = None
    until: datetime | None = None


class ReceivedMails:
    """The documents of received mails."""

    def __init__(self, client: Client, collection: str) -> None:
        self._collection = client.collection(collection)

    def listing(self, filters: ReceivedFilters | None = None) -> Listing:
        """Return the mails that *filters* choose, as a list shows them, the latest first."""
        query = self._collection.select(_LISTED)
        for condition in _conditions(filters or ReceivedFilters()):
            query = query.where(filter=condition)
        return Listing(query, "received_at", RECEIVED)

    def whole(self) -> Listing:
        """Return the mails with all their fields, the latest first."""
        return Listing(Query(self._collection), "received_at", RECEIVED)

    def newest(self, most: int) -> list[Document]:
        """Return the latest mails, at most *most*, with the fields that a list shows."""
        return queries.latest(self._collection.select(_LISTED), "received_at", most, RECEIVED)

    def get(self, document_id: str) -> Document | None:
        """Return the mail with this document id, if there is one."""
        return queries.get(self._collection, document_id, RECEIVED)

    def beginning(self, start: str) -> list[Document]:
        """Return the mails whose id begins with *start*, which must not contain a slash."""
        return queries.beginning(self._collection, start, RECEIVED)

    def of_message(self, message_id: str) -> list[Document]:
        """Return the mails with this message id, which is as people paste it."""
        return queries.of_message(self._collection, message_id, RECEIVED)

    def of_messages(self, message_ids: Sequence[str]) -> list[Document]:
        """Return the mails with one of these message ids, written exactly so."""
        return queries.of_messages(self._collection, message_ids, RECEIVED)


def _conditions(filters: ReceivedFilters) -> Iterator[FieldFilter]:
    if filters.sender:
        yield FieldFilter(SENDER, "in", addresses(filters.sender))
    if filters.recipient:
        yield FieldFilter(RECIPIENT, "array_contains_any", addresses(filters.recipient))
    if filters.since:
        yield FieldFilter("received_at", ">=", filters.since)
    if filters.until:
        yield FieldFilter("received_at", "<", filters.until)
