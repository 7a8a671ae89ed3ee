"""The queries that page, commands and documents make, and the indexes that follow from them.

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
    listed: frozenset[str] = frozenset()  # filters of such a list, and of nothing without its order
    beside: frozenset[str] = frozenset()  # compared beside the beginning of an api_data

    def exempted(self) -> list[str]:
        """Return the fields that no query names without the order of the list."""
        return sorted(self.fields - self.filters - self.alone - {self.newest_by})

    def composites(self) -> list[tuple[str, str, str]]:
        """Return the first field of each index, its mode as gcloud takes it, and the last field."""
        equal, element = "order=ascending", "array-config=contains"
        newest = [(name, equal, self.newest_by) for name in self.filters | self.listed]
        newest += [(name, element, self.newest_by) for name in self.contains]
        return sorted([*newest, *((name, equal, "api_data") for name in self.beside)])


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
