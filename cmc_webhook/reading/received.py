"""Queries over received mail."""

from collections.abc import Sequence

from google.cloud.firestore import Client, Query

from cmc_webhook.reading import queries
from cmc_webhook.reading.documents import RECEIVED, Document
from cmc_webhook.reading.queries import Listing

_LISTED = ("received_at", "from", "to", "envelope_to", "subject", "attachments")


class ReceivedMails:
    """The documents of received mails."""

    def __init__(self, client: Client, collection: str) -> None:
        self._collection = client.collection(collection)

    def listing(self) -> Listing:
        """Return the mails with the fields that a list shows, the latest first."""
        return Listing(self._collection.select(_LISTED), "received_at", RECEIVED)

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
