"""Queries over a quarantine, and how to post an entry again."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from google.cloud.firestore import Client, Query
from google.cloud.firestore_v1.base_query import FieldFilter

from cmc_webhook.errors import MalformedEnvelope
from cmc_webhook.fields import read_fields
from cmc_webhook.reading import queries
from cmc_webhook.reading.documents import ENTRY, Document
from cmc_webhook.reading.queries import AT_ONCE, Listing
from cmc_webhook.reasons import Reason
from cmc_webhook.status.envelope import read_envelope
from cmc_webhook.status.events import read_events

# All but the content, which may have 1 MB.
_HEAD = ("kind", "why", "event_type", "server_composition", "received_at", "size", "stored_at")


class Obstacle(StrEnum):
    """Why an entry cannot be posted again."""

    CUT = "cut"
    NO_JSON = "no_json"
    UNREADABLE = "unreadable"
    FUTURE = "future"


class NotReplayableError(Exception):
    """The entry cannot be posted again; *why* is the reason."""

    def __init__(self, why: Obstacle) -> None:
        super().__init__(why.value)
        self.why = why


def text_of(entry: Document) -> str | None:
    """Return the content, U+FFFD for bytes not UTF-8; None if unreadable or in the bucket."""
    content = entry.fields.get("content")
    return content.decode(errors="replace") if isinstance(content, bytes) else content


def has_odd_bytes(entry: Document) -> bool:
    """Return whether the status function replaces bytes of *entry* when it is posted again."""
    return entry.fields.get("kind") != "body" and isinstance(entry.fields.get("content"), bytes)


def body_of(entry: Document, zone: ZoneInfo) -> bytes | dict[str, Any]:
    """Return the body to post, its local times in *zone*. Raises NotReplayableError."""
    body = _body(entry)
    received_at = entry.fields.get("received_at", datetime.now(UTC))
    if isinstance(body, dict):
        fields: Mapping[str, list[Any]] = {name: [value] for name, value in body.items()}
    else:
        fields = read_fields(body).values
    try:
        envelope = read_envelope(fields)
    except MalformedEnvelope:
        return body
    # The function would compare with the time of this post, and accept a forged date in the end.
    _, unreadable = read_events(envelope, zone, received_at)
    if any(record.why is Reason.FUTURE_CREATED for record in unreadable):
        raise NotReplayableError(Obstacle.FUTURE)
    return body


def _body(entry: Document) -> bytes | dict[str, Any]:
    fields, content = entry.fields, text_of(entry)
    if fields.get("truncated"):
        raise NotReplayableError(Obstacle.CUT)
    if content is None or fields.get("kind") not in ("body", "record", "event"):
        raise NotReplayableError(Obstacle.UNREADABLE)
    if fields["kind"] == "body":
        kept = fields["content"]
        return kept if isinstance(kept, bytes) else content.encode()
    event_type = fields.get("event_type", "")
    try:
        event = json.loads(content)
    except (ValueError, RecursionError):
        raise NotReplayableError(Obstacle.NO_JSON) from None
    if fields["kind"] == "record":
        if not event_type:  # the list that the record was in
            raise NotReplayableError(Obstacle.UNREADABLE)
        event = {event_type: [event]}
    composition = fields.get("server_composition", "")
    return {"event_type": event_type, "server_composition": composition, "event": event}


class Quarantine(queries.Collection):
    """The quarantine of the function that writes to *collection*. Thread-safe."""

    shape = ENTRY

    def __init__(self, client: Client, collection: str) -> None:
        super().__init__(client, f"{collection}_quarantine")

    def listing(self, why: str = "") -> Listing:
        """Return the entries, or those of the reason *why*, the latest first."""
        return Listing(self._entries(why), "received_at", ENTRY)

    def newest(self, most: int) -> list[Document]:
        """Return the latest entries without their content, at most *most*."""
        return queries.latest(self.collection.select(_HEAD), "received_at", most, ENTRY)

    def heads(self, most: int) -> list[Document]:
        """Return the first entries of the listing without their content, at most *most*."""
        return Listing(self.collection.select(_HEAD), "received_at", ENTRY).page(most)

    def pages(self, size: int, why: str = "") -> Iterator[list[Document]]:
        """Yield all entries, or those of *why*, in pages of *size*; each may have nearly 1 MB."""
        return queries.all_pages(self._entries(why), size, ENTRY)

    def ids(self) -> Iterator[str]:
        """Yield the ids of all entries without reading their content."""
        bare = queries.all_pages(self.collection.select([]), AT_ONCE, ENTRY)
        return (entry.id for entry in chain.from_iterable(bare))

    def count(self, most: int | None = None) -> int:
        """Return the number of entries; Firestore counts no further than *most*."""
        entries = Query(self.collection)
        return queries.count(entries.limit(most) if most else entries)

    def _entries(self, why: str) -> Query:
        query = Query(self.collection)
        return query.where(filter=FieldFilter("why", "==", why)) if why else query
