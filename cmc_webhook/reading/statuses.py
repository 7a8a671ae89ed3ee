"""
Queries over status documents.

Any combination of filters needs only one composite index for each field of INDEXED, with
`status_at` descending. Firestore merges them, see
https://cloud.google.com/firestore/docs/query-data/index-overview#taking_advantage_of_index_merging
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from google.api_core.exceptions import FailedPrecondition
from google.cloud.firestore import Client, Query
from google.cloud.firestore_v1.base_query import FieldFilter

from cmc_webhook.reading import queries
from cmc_webhook.reading.queries import Document, Listing, count, run

# The field of each filter that compares for equality.
_EQUAL = {
    "to": "to",
    "domain": "to_domain",
    "api_data": "api_data",
    "cause": "bounce_cause",
    "composition": "server_composition",
}
INDEXED = ("status", *_EQUAL.values(), "message_id")
_COUNTERS = 8
_MOST = 20  # of those whose message id begins with a text
_OF_SIBLINGS = (
    *("message_id", "to", "status", "status_at", "bounce_code", "bounce_cause", "diagnosis"),
    *("queued_at", "deferred_at", "succeeded_at", "failed_at", "bounced_at", "suppressed_at"),
)


@dataclass(frozen=True, kw_only=True)
class Filters:
    """
    Which mails to choose; an empty filter chooses all.

    *message_id* is with or without angle brackets. *until* is not included.
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
    """The status documents of a collection. Thread-safe."""

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
        """Return at most *most* mails with only these fields. Each is billed as a whole read."""
        return run(self.listing(filters).query.limit(most).select(fields))

    def newest_time(self, filters: Filters) -> datetime | None:
        """Return the time of the newest mail that *filters* choose without their period."""
        anytime = replace(filters, since=None, until=None)
        return next((m.fields["status_at"] for m in self.newest(anytime, 1, ["status_at"])), None)

    def get(self, document_id: str) -> Document | None:
        """Return the document with this id, if there is one."""
        return queries.get(self._collection, document_id)

    def counts(self, each: Iterable[Filters]) -> list[int]:
        """Return how many mails each filter chooses. Firestore counts; no document is read."""
        with ThreadPoolExecutor(_COUNTERS) as pool:
            return list(pool.map(self._count, each))

    def domains(self, filters: Filters, newest: int) -> Counter[str]:
        """Count the recipients' domains among the *newest* mails. Firestore cannot group."""
        mails = self.newest(filters, newest, ["to_domain"])
        return Counter(mail.fields.get("to_domain", "") for mail in mails)

    def of_message(self, message_id: str) -> list[Document]:
        """Return a document for each recipient of the mail; the id with or without brackets."""
        return queries.of_message(self._collection, message_id)

    def beginning(self, start: str) -> list[Document]:
        """Return the documents whose id begins with *start*, which must not contain a slash."""
        return queries.beginning(self._collection, start)

    def messages_beginning(self, start: str) -> list[Document]:
        """Return the first documents whose message id begins with *start*, bracket or not."""
        bare = start.removeprefix("<")
        return [
            document
            for each in (bare, f"<{bare}")
            for document in run(queries.starting(self._collection, "message_id", each, _MOST))
        ]

    def addresses_beginning(self, start: str, most: int) -> list[str]:
        """Return the recipients of at most *most* documents that begin with *start*."""
        query = queries.starting(self._collection, "to", start, most).select(["to"])
        return [found.fields["to"] for found in run(query)]

    def of_same_messages(self, mails: Sequence[Document], most: int) -> list[Document]:
        """Return at most *most* documents that have the message id of one of at most 30 *mails*."""
        ids = sorted({mail.fields["message_id"] for mail in mails if "message_id" in mail.fields})
        if not ids:
            return []
        query = self._collection.where(filter=FieldFilter("message_id", "in", ids))
        return run(query.limit(most).select(_OF_SIBLINGS))

    def last_received(self, most: int) -> list[Document]:
        """Return the mails that were written last, the latest first."""
        return run(self._by_arrival(Query.DESCENDING).limit(most))

    def first_received(self) -> list[Document]:
        """Return the mail whose last write is the oldest, in a list that may be empty."""
        return run(self._by_arrival(Query.ASCENDING).limit(1))

    def missing_indexes(self) -> list[str]:
        """Return the fields of INDEXED whose composite index is missing or not ready."""
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
