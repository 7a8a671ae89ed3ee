"""
Writes status documents and their quarantine, each document on its own and under a precondition.

A post needs each document to be right, not all of them at once. So there is no transaction: a
document goes back under the precondition that nobody has written it since it was read, and only
those that fail are read again.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from google.api_core.exceptions import GoogleAPICallError
from grpc import StatusCode

from cmc_webhook.batches import MOST_WRITES, Write
from cmc_webhook.database import Budget, Database, Held
from cmc_webhook.errors import StoreUnavailable
from cmc_webhook.reasons import Reason
from cmc_webhook.status import document
from cmc_webhook.status.cache import Cache
from cmc_webhook.status.events import Status, StatusEvent
from cmc_webhook.status.quarantine import QuarantineEntry
from cmc_webhook.writer import TRANSIENT, Writer, attempts

# A write that failed its precondition, or whose outcome is unknown: read again.
_READ_AGAIN = TRANSIENT | {
    StatusCode.NOT_FOUND,
    StatusCode.ALREADY_EXISTS,
    StatusCode.FAILED_PRECONDITION,
}


_FIRST_RECEIVED = "first_received_at"


@dataclass(slots=True)
class Saved:
    """What became of each document of a post, by document id; *refused* has the reason."""

    stored: set[str] = field(default_factory=set)
    unchanged: set[str] = field(default_factory=set)
    refused: dict[str, Reason] = field(default_factory=dict)

    def __contains__(self, document_id: str) -> bool:
        return any(document_id in done for done in (self.stored, self.unchanged, self.refused))


@dataclass(frozen=True, slots=True)
class _Post:
    """The arguments of one call of ``save``."""

    documents: Mapping[str, Sequence[StatusEvent]]
    received_at: datetime
    budget: Budget
    saved: Saved


class _Change(NamedTuple):
    """A write, and the fields of the document after it."""

    write: Write
    fields: dict[str, Any]


class StatusStore:
    """
    The status documents of one collection, and its quarantine. Thread-safe.

    Without *cache*, every document is read before it is written.
    """

    def __init__(
        self,
        database: Database,
        collection: str,
        *,
        retention: timedelta | None = None,
        cache: Cache | None = None,
    ) -> None:
        self._database = database
        self._writer = Writer(database, retention)
        self._collection = collection
        self._cache = cache

    def save(
        self,
        documents: Mapping[str, Sequence[StatusEvent]],
        received_at: datetime,
        budget: Budget,
        saved: Saved,
    ) -> None:
        """
        Fold the events into their document, by document id, and note each in *saved*.

        Raises StoreUnavailable if *budget* runs out. What was stored stays stored, and
        saving the same again stores the rest.
        """
        post = _Post(documents, received_at, budget, saved)
        pending = list(documents)
        for attempt in attempts(budget):
            for ids in _groups(pending):
                changes = self._folded_into_cached(ids, post) if attempt == 0 else {}
                unknown = [i for i in ids if i not in changes and i not in post.saved]
                changes |= self._folded_into_read(unknown, post)
                self._write(changes, post)
            pending = [i for i in pending if i not in saved]
            if not pending:
                return
        raise StoreUnavailable(f"{len(pending)} of {len(documents)} documents not stored in time")

    def quarantine(
        self, entries: Iterable[QuarantineEntry], received_at: datetime, budget: Budget
    ) -> None:
        """Store *entries*; one that exists already stays. Raises StoreUnavailable."""
        collection = f"{self._collection}_quarantine"
        documents = {entry.id: entry.fields for entry in entries}
        self._writer.create(collection, documents, received_at, budget)

    def _folded_into_cached(self, ids: Iterable[str], post: _Post) -> dict[str, _Change]:
        """Return the changes to cached documents, and to those that are probably new."""
        changes: dict[str, _Change] = {}
        if self._cache is None:
            return changes
        for document_id in ids:
            cached = self._cache.get(self._name(document_id))
            if cached is None and not _probably_new(post.documents[document_id]):
                continue
            change = self._fold(document_id, cached.held if cached else None, post)
            if change:
                changes[document_id] = change
            elif cached and cached.trusted:
                post.saved.unchanged.add(document_id)
        return changes

    def _folded_into_read(self, ids: Sequence[str], post: _Post) -> dict[str, _Change]:
        """Read documents and return the changes to them; one that is not read has none."""
        changes = {}
        asked_at = time.monotonic()
        for document_id, held in self._read(ids, post.budget).items():
            try:
                change = self._fold(document_id, held, post)
            except document.UnreadableDocumentError:
                post.saved.refused[document_id] = Reason.UNREADABLE_DOCUMENT
                continue
            self._remember(document_id, held, asked_at)
            if change:
                changes[document_id] = change
            else:
                post.saved.unchanged.add(document_id)
        return changes

    def _write(self, changes: Mapping[str, _Change], post: _Post) -> None:
        """Write *changes* and note those that are done."""
        asked_at = time.monotonic()
        writes = {document_id: change.write for document_id, change in changes.items()}
        for document_id, written in self._writer.write(writes, post.budget).items():
            if written.code is StatusCode.OK:
                post.saved.stored.add(document_id)
                held = Held(changes[document_id].fields, written.update_time)
                self._remember(document_id, held, asked_at)
                continue
            self._remember(document_id, None, asked_at)
            if written.code is StatusCode.INVALID_ARGUMENT:
                post.saved.refused[document_id] = Reason.REFUSED_BY_FIRESTORE
            elif written.code not in _READ_AGAIN:
                raise StoreUnavailable(f"Firestore answered {written.code.name} to a write.")

    def _remember(self, document_id: str, held: Held | None, asked_at: float) -> None:
        name = self._name(document_id)
        if self._cache and held:
            self._cache.put(name, held, asked_at)
        elif self._cache:
            self._cache.drop(name)

    def _read(self, ids: Sequence[str], budget: Budget) -> dict[str, Held | None]:
        """Return the documents that could be read; those missing here are to be read again."""
        if not ids:
            return {}
        names = {self._name(i): i for i in ids}
        try:
            held = self._database.read(names, (*document.FIELDS, _FIRST_RECEIVED), budget)
        except GoogleAPICallError as error:
            self._writer.raise_unless_transient(error)
            return {}
        return {names[name]: found for name, found in held.items()}

    def _fold(self, document_id: str, held: Held | None, post: _Post) -> _Change | None:
        """Return the change that the events make to *held*, None if there is nothing new."""
        name = self._name(document_id)
        before = held.fields if held else {}
        folded = document.fold(before, post.documents[document_id])
        # An application may have made the document before the first post about it.
        first = {_FIRST_RECEIVED: before.get(_FIRST_RECEIVED) or post.received_at}
        about = {"last_received_at": post.received_at, **self._writer.expiry(post.received_at)}
        if held is None:
            return _Change(Write(name, {**folded, **first, **about}, None), {**folded, **first})
        changes = document.changes(before, folded)
        if not changes:
            return None
        if not before.get(_FIRST_RECEIVED):
            changes |= first
        return _Change(Write(name, {**changes, **about}, held.update_time), {**folded, **first})

    def _name(self, document_id: str) -> str:
        return self._database.document(self._collection, document_id)


def by_document(
    events: Iterable[StatusEvent], server_composition: str
) -> dict[str, list[StatusEvent]]:
    """Return *events* grouped by the id of their document."""
    documents: dict[str, list[StatusEvent]] = {}
    for event in events:
        document_id = document.document_id(server_composition, event.message_id, event.to)
        documents.setdefault(document_id, []).append(event)
    return documents


def _probably_new(events: Iterable[StatusEvent]) -> bool:
    # A mail is queued before anything else happens to it. A wrong guess costs one failed write.
    return any(event.status is Status.QUEUED for event in events)


def _groups(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), MOST_WRITES):
        yield ids[start : start + MOST_WRITES]
