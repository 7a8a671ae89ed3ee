"""The queries over received mail."""

from google.cloud.firestore import Client

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

    def newest(self, most: int) -> list[Document]:
        """Return what a list shows of the mails that arrived last, the latest first."""
        return self.listing().page(most)

    def get(self, document_id: str) -> Document | None:
        """Return the mail with this id, which holds no slash, if there is one."""
        return queries.get(self._collection, document_id)
