"""Queries over the documents of addresses: one address, and those that are not to be mailed."""

from collections.abc import Callable
from datetime import datetime

from google.cloud.firestore import Query
from google.cloud.firestore_v1.base_query import FieldFilter

from cmc_webhook.reading import pasted, queries
from cmc_webhook.reading.documents import ADDRESS, Document
from cmc_webhook.reading.queries import Listing
from cmc_webhook.status.addresses import address_id

# The fields of the filters. Each needs a composite index with `stop_until` descending.
INDEXED = ("stop_cause", "to_domain")


class MailAddresses(queries.Collection):
    """The documents of addresses of a collection. Thread-safe."""

    shape = ADDRESS

    def get(self, address: str) -> Document | None:
        """Return the document of *address*, which is as people paste it, if there is one."""
        return super().get(address_id(pasted.recipients(address)[0]))

    def is_empty(self) -> bool:
        """Return whether there is no document at all; reads one."""
        return not queries.run(Query(self.collection).limit(1), ADDRESS)

    def stopped(
        self,
        now: datetime,
        *,
        cause: str = "",
        domain: str = "",
        keep: Callable[[Document], bool] | None = None,
    ) -> Listing:
        """Return the addresses with a stop that ends after *now*, the latest end first."""
        query = Query(self.collection)
        for name, value in zip(INDEXED, (cause, pasted.domain(domain)), strict=True):
            if value:
                query = query.where(filter=FieldFilter(name, "==", value))
        query = query.where(filter=FieldFilter("stop_until", ">", now))
        return Listing(query, "stop_until", ADDRESS, keep=keep)

    def unsubscribed(self, composition: str) -> Query:
        """Return the query for the addresses that unsubscribed from a server composition."""
        contains = FieldFilter("unsubscribed_from", "array_contains", composition)
        return Query(self.collection).where(filter=contains)
