"""
The queries that page, commands and documents make, and the indexes that follow from them.

A field that no query names is exempted: index entries are most of what a stored document costs, and
an indexed time limits a collection to about 500 writes a second
(https://cloud.google.com/firestore/docs/best-practices).
"""

from dataclasses import dataclass
from typing import Any

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
    listed: frozenset[str] = (
        frozenset()
    )  # filters of such a list, and of no query without its order
    begun: str = ""  # a field of which a beginning is chosen together with one of *beside*
    beside: frozenset[str] = frozenset()

    def exempted(self) -> list[str]:
        """Return the fields that no query names without *newest_by*."""
        return sorted(self.fields - self.filters - self.alone - {self.newest_by})

    def composites(self) -> list[tuple[str, str, dict[str, str], str]]:
        """Return the field that begins each index, as gcloud and Firebase take it, and the last."""
        equal = ("order=ascending", {"order": "ASCENDING"})
        element = ("array-config=contains", {"arrayConfig": "CONTAINS"})
        return [
            *((name, *equal, self.newest_by) for name in sorted(self.filters | self.listed)),
            *((name, *element, self.newest_by) for name in sorted(self.contains)),
            *((name, *equal, self.begun) for name in sorted(self.beside)),
        ]


# Few mails have these fields; they are not exempted.
_RARE = {
    *("headers_stored_at", "headers_charset", "text_guessed_charset", "html_guessed_charset"),
    "unreadable_fields",
}
# Of the mails.
_LISTED = frozenset({"subject", "outcome", "late_bounce"})


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
            filters=frozenset(INDEXED) - _LISTED,
            alone=frozenset({"message_id", "last_received_at"}),
            listed=_LISTED,
            begun="api_data",
            beside=frozenset({"outcome", "late_bounce", "to_domain"}),
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


def definitions(queries: list[Queries]) -> dict[str, Any]:
    """Return the same as the content of a firestore.indexes.json of the Firebase CLI."""
    return {
        "indexes": [
            {
                "collectionGroup": each.collection,
                "queryScope": "COLLECTION",
                "fields": [
                    {"fieldPath": name, **firebase},
                    {"fieldPath": last, "order": "DESCENDING"},
                ],
            }
            for each in queries
            for name, _, firebase, last in each.composites()
        ],
        "fieldOverrides": [
            {"collectionGroup": each.collection, "fieldPath": name, "indexes": []}
            for each in queries
            for name in each.exempted()
        ],
    }
