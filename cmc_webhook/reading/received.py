"""The queries over received mail."""

from collections.abc import Sequence

from google.cloud.firestore import Client, Query

from cmc_webhook.reading import queries
from cmc_webhook.reading.queries import Document, Listing

_LISTED = ("received_at", "from", "to", "envelope_to", "subject", "attachments")


class ReceivedMails:
    """The mails that the other webhook has brought."""

    def __init__(self, client: Client, collection: str) -> None:
        self._collection = client.collection(collection)

    def listing(self) -> Listing:
        """Return what a list shows of the mails, by their arrival."""
        return Listing(self._collection.select(_LISTED), "received_at")

    def whole(self) -> Listing:
        """Return the mails with all their fields, by their arrival."""
        return Listing(Query(self._collection), "received_at")

    def newest(self, most: int) -> list[Document]:
        """Return what a list shows of the mails that arrived last, the latest first."""
        return self.listing().page(most)

    def get(self, document_id: str) -> Document | None:
        """Return the mail with this id, which holds no slash, if there is one."""
        return queries.get(self._collection, document_id)

    def beginning(self, start: str) -> list[Document]:
        """Return the mails whose document id begins with *start*, which holds no slash."""
        return queries.beginning(self._collection, start)

    def of_message(self, message_id: str) -> list[Document]:
        """Return the mails with this message id, with or without its brackets."""
        return queries.of_message(self._collection, message_id)

    def of_messages(self, message_ids: Sequence[str]) -> list[Document]:
        """Return the mails with these message ids, exactly as they are written."""
        return queries.of_messages(self._collection, message_ids)
