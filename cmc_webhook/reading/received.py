"""Queries over received mail."""

from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class ReceivedFilters:
    """Which mails to choose, by default all; addresses are as pasted, *until* is not included."""

    sender: str = ""
    recipient: str = ""
    since: datetime | None = None
    until: datetime | None = None


class ReceivedMails(queries.Collection):
    """The documents of received mails. Thread-safe."""

    shape = RECEIVED

    def listing(self, filters: ReceivedFilters | None = None) -> Listing:
        """Return the mails that *filters* choose, as a list shows them, the latest first."""
        filters = filters or ReceivedFilters()
        query = self.collection.select(_LISTED)
        if filters.sender:
            senders = addresses(filters.sender)
            query = query.where(filter=FieldFilter(SENDER, "in", senders))
        if filters.recipient:
            recipients = addresses(filters.recipient)
            query = query.where(filter=FieldFilter(RECIPIENT, "array_contains_any", recipients))
        query = queries.within(query, "received_at", filters.since, filters.until)
        return Listing(query, "received_at", RECEIVED)

    def whole(self) -> Listing:
        """Return the mails with all their fields, the latest first."""
        return Listing(Query(self.collection), "received_at", RECEIVED)

    def newest(self, most: int) -> list[Document]:
        """Return the latest mails, at most *most*, with the fields that a list shows."""
        return queries.latest(self.collection.select(_LISTED), "received_at", most, RECEIVED)
