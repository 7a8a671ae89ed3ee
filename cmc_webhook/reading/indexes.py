"""
The queries that page, commands and documents make, and the indexes that follow from them.

A field that no query names is exempted: index entries are most of what a stored document costs, and
an indexed time limits a collection to about 500 writes a second
(https://cloud.google.com/firestore/docs/best-practices).
"""

from dataclasses import dataclass

from cmc_webhook.reading import mail_addresses
from cmc_webhook.reading.documents import Entry, ReceivedMail
from cmc_webhook.reading.received import RECIPIENT, SENDER
from cmc_webhook.reading.statuses import INDEXED
from cmc_webhook.settings import DEFAULTS
from cmc_webhook.status import addresses, document


@dataclass(frozen=True, kw_only=True)
class Queries:
    """All queries over one collection."""

    collection: str
    fields: frozenset[str]  # of its documents
    newest_by: str  # the time that lists are ordered by, the latest first
    filters: frozenset[str] = frozenset()  # of such a list, one of them or several together
    contains: frozenset[str] = frozenset()  # filters that compare one element
    alone: frozenset[str] = frozenset()  # compared or ordered by without any other field

    def exempted(self) -> list[str]:
        """Return the fields that no query names."""
        return sorted(self.fields - self.filters - self.alone - {self.newest_by})

    def composites(self) -> list[tuple[str, str]]:
        """Return each field before *newest_by* in an index, and its mode as gcloud takes it."""
        equal = [(name, "order=ascending") for name in self.filters]
        return sorted([*equal, *((name, "array-config=contains") for name in self.contains)])


# Few mails have these fields; they are not exempted.
_RARE = {
    *("headers_stored_at", "headers_charset", "text_guessed_charset", "html_guessed_charset"),
    "unreadable_fields",
}


def all_queries(
    collection: str = DEFAULTS["CMC_COLLECTION"],
    inbound: str = DEFAULTS["CMC_INBOUND_COLLECTION"],
    address: str = DEFAULTS["CMC_ADDRESS_COLLECTION"],
) -> list[Queries]:
    """Return the queries over the collections with these names and over their quarantines."""
    return [
        Queries(
            collection=collection,
            fields=frozenset(
                {*document.FIELDS, "first_received_at", "last_received_at", "expires_at"}
            ),
            newest_by="status_at",
            filters=frozenset(INDEXED),
            alone=frozenset({"message_id", "last_received_at"}),
        ),
        Queries(
            collection=address,
            fields=frozenset(addresses.FIELDS),
            newest_by="stop_until",
            filters=frozenset(mail_addresses.INDEXED),
            alone=frozenset({"unsubscribed_from"}),
        ),
        Queries(
            collection=inbound,
            fields=frozenset(ReceivedMail.__annotations__) - _RARE,
            newest_by="received_at",
            filters=frozenset({SENDER}),
            contains=frozenset({RECIPIENT}),
            alone=frozenset({"message_id"}),
        ),
        *(
            Queries(
                collection=f"{name}_quarantine",
                fields=frozenset(Entry.__annotations__),
                newest_by="received_at",
                filters=frozenset({"why"}),
                alone=frozenset({"server_composition"}),
            )
            for name in (collection, inbound)
        ),
    ]
