"""Queries over received mail."""

from datetime import datetime

from google.cloud.firestore import Query
from google.cloud.firestore_v1.base_query import FieldFilter

from cmc_webhook.reading import queries
from cmc_webhook.reading.documents import RECEIVED, Document
from cmc_webhook.reading.pasted import addresses
from cmc_webhook.reading.queries import Listing

_LISTED = ("received_at", "from", "to", "envelope_to", "subject", "attachments")


# The fields by which received mails are searched; of the second one element is compared.
SENDER, RECIPIENT = "from.address", "envelope_to"


class ReceivedMails(queries.Collection):
    """The documents of received mails. Thread-safe."""

    shape = RECEIVED

    def listing(
        self,
        sender: str = "",
        recipient: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Listing:
        """Return these mails, by default all, as a list shows them, the latest first."""
        # An address is as pasted.
        query = self.collection.select(_LISTED)
        of_people = ((SENDER, "in", sender), (RECIPIENT, "array_contains_any", recipient))
        for name, compare, text in of_people:
            if text:
                query = query.where(filter=FieldFilter(name, compare, addresses(text)))
        query = queries.within(query, "received_at", since, until)
        return Listing(query, "received_at", RECEIVED)

    def whole(self) -> Listing:
        """Return the mails with all their fields, the latest first."""
        return Listing(Query(self.collection), "received_at", RECEIVED)

    def newest(self, most: int) -> list[Document]:
        """Return the latest mails, at most *most*, with the fields that a list shows."""
        return queries.latest(self.collection.select(_LISTED), "received_at", most, RECEIVED)
