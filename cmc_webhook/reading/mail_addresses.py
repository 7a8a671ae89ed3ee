"""Queries over the documents of addresses: one address, and those that are not to be mailed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from google.cloud.firestore import Query
from google.cloud.firestore_v1.base_query import FieldFilter

from cmc_webhook.reading import queries
from cmc_webhook.reading.documents import ADDRESS, Document
from cmc_webhook.reading.pasted import domain, recipients
from cmc_webhook.reading.queries import Listing
from cmc_webhook.status.addresses import address_id

# The field of each filter. Each needs a composite index with `stop_until` descending.
_EQUAL = {"cause": "stop_cause", "domain": "to_domain"}
INDEXED = tuple(_EQUAL.values())


@dataclass(frozen=True, kw_only=True)
class StopFilters:
    """Which stopped addresses to choose: those whose stop ends after *since*."""

    since: datetime
    cause: str = ""
    domain: str = ""


class MailAddresses(queries.Collection):
    """The documents of addresses of a collection. Thread-safe."""

    shape = ADDRESS

    def get(self, address: str) -> Document | None:
        """Return the document of *address*, which is as people paste it, if there is one."""
        return super().get(address_id(recipients(address)[0]))

    def is_empty(self) -> bool:
        """Return whether there is no document at all; reads one."""
        return not queries.run(Query(self.collection).limit(1), ADDRESS)

    def stopped(
        self, filters: StopFilters, keep: Callable[[Document], bool] | None = None
    ) -> Listing:
        """Return the stopped addresses that *filters* and *keep* choose, the latest end first."""
        query = Query(self.collection)
        wanted = {"cause": filters.cause, "domain": domain(filters.domain)}
        for name, value in wanted.items():
            if value:
                query = query.where(filter=FieldFilter(_EQUAL[name], "==", value))
        query = query.where(filter=FieldFilter("stop_until", ">", filters.since))
        return Listing(query, "stop_until", ADDRESS, keep=keep)

    def unsubscribed(self, composition: str) -> Query:
        """Return the query for the addresses that unsubscribed from a server composition."""
        contains = FieldFilter("unsubscribed_from", "array_contains", composition)
        return Query(self.collection).where(filter=contains)
