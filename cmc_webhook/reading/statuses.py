"""
The queries over status documents.

Each filter by itself, and any of them together, needs only the composite indexes that the README
lists: one for each field of INDEXED, with `status_at` descending. Firestore merges them, see
https://cloud.google.com/firestore/docs/query-data/index-overview#taking_advantage_of_index_merging
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from google.api_core.exceptions import FailedPrecondition
from google.cloud.firestore import Client, Query
from google.cloud.firestore_v1.base_query import FieldFilter

from cmc_webhook.reading import queries
from cmc_webhook.reading.queries import Document, Listing, count, run

# Each filter of equality, and the field that it is about.
_EQUAL = {
    "to": "to",
    "domain": "to_domain",
    "api_data": "api_data",
    "cause": "bounce_cause",
    "composition": "server_composition",
}
INDEXED = ("status", *_EQUAL.values(), "message_id")
_COUNTERS = 8


@dataclass(frozen=True, kw_only=True)
class Filters:
    """
    What must be true of a mail; empty is anything.

    *message_id* may lack its angle brackets, and *until* itself is not included.
    """

    statuses: Sequence[str] = ()
    to: str = ""
    domain: str = ""
    message_id: str = ""
    api_data: str = ""
    cause: str = ""
    composition: str = ""
    since: datetime | None = None
    until: datetime | None = None


class MailStatuses:
    """The status documents of a collection, newest status first. Thread-safe."""

    def __init__(self, client: Client, collection: str) -> None:
        self._collection = client.collection(collection)

    def listing(self, filters: Filters) -> Listing:
        """Return the mails that *filters* choose, newest status first."""
        query = Query(self._collection)
        for name, path in _EQUAL.items():
            if value := getattr(filters, name):
                query = query.where(filter=FieldFilter(path, "==", value))
        if filters.message_id:
            either = queries.spellings(filters.message_id)
            query = query.where(filter=FieldFilter("message_id", "in", either))
        if len(filters.statuses) == 1:
            query = query.where(filter=FieldFilter("status", "==", filters.statuses[0]))
        elif filters.statuses:
            query = query.where(filter=FieldFilter("status", "in", list(filters.statuses)))
        if filters.since:
            query = query.where(filter=FieldFilter("status_at", ">=", filters.since))
        if filters.until:
            query = query.where(filter=FieldFilter("status_at", "<", filters.until))
        return Listing(query, "status_at")

    def newest(self, filters: Filters, most: int, fields: Iterable[str]) -> list[Document]:
        """Return at most *most* mails with only these fields; each costs a read like a whole."""
        return run(self.listing(filters).query.limit(most).select(fields))

    def get(self, document_id: str) -> Document | None:
        """Return the document with this id, which holds no slash, if there is one."""
        return queries.get(self._collection, document_id)

    def counts(self, each: Iterable[Filters]) -> list[int]:
        """Return how many mails there are for each filter; Firestore counts, nothing is read."""
        with ThreadPoolExecutor(_COUNTERS) as pool:
            return list(pool.map(self._count, each))

    def domains(self, filters: Filters, newest: int) -> Counter[str]:
        """Count the recipients' domains of the *newest* mails; Firestore cannot group."""
        mails = self.newest(filters, newest, ["to_domain"])
        return Counter(mail.fields.get("to_domain", "") for mail in mails)

    def of_message(self, message_id: str) -> list[Document]:
        """Return the mail's document for each recipient; the id with or without its brackets."""
        return queries.of_message(self._collection, message_id)

    def beginning(self, start: str) -> list[Document]:
        """Return the documents whose id begins with *start*, which holds no slash."""
        return queries.beginning(self._collection, start)

    def last_received(self, most: int) -> list[Document]:
        """Return the mails that the function wrote last, the latest first."""
        return run(self._by_arrival(Query.DESCENDING).limit(most))

    def first_received(self) -> list[Document]:
        """Return the mail whose last write is the longest ago, if there is any mail."""
        return run(self._by_arrival(Query.ASCENDING).limit(1))

    def missing_indexes(self) -> list[str]:
        """Return the fields whose composite index Firestore says it does not have."""
        return [name for name in INDEXED if not self._has_index(name)]

    def _has_index(self, path: str) -> bool:
        query = self.listing(Filters()).query.where(filter=FieldFilter(path, "==", ""))
        try:
            count(query)
        except FailedPrecondition:
            return False
        return True

    def _by_arrival(self, direction: str) -> Query:
        return self._collection.order_by("last_received_at", direction=direction)

    def _count(self, filters: Filters) -> int:
        return count(self.listing(filters).query)
