"""Writes the documents of mails and addresses, and the quarantine, each under a precondition.

A post needs each document to be right, not all of them at once. So there is no transaction: a
document goes back under the precondition that nobody has written it since it was read, and only
those that fail are read again.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from grpc import StatusCode

from cmc_webhook.batches import MOST_WRITES, Write
from cmc_webhook.database import Budget, Database, Held
from cmc_webhook.errors import StoreUnavailable
from cmc_webhook.reasons import Reason
from cmc_webhook.status.cache import Cache
from cmc_webhook.status.document import UnreadableDocumentError
from cmc_webhook.status.events import UnreadableRecord
from cmc_webhook.status.pending import Pending
from cmc_webhook.status.quarantine import Entry
from cmc_webhook.writer import TRANSIENT, Writer, attempts

# A write that failed its precondition, or whose outcome is unknown: read again.
_READ_AGAIN = TRANSIENT | {
    StatusCode.NOT_FOUND,
    StatusCode.ALREADY_EXISTS,
    StatusCode.FAILED_PRECONDITION,
}


_FIRST_RECEIVED = "first_received_at"
_HISTORY = "events"


@dataclass(slots=True)
class Saved:
    """What became of each document of a post, by resource name; *refused* has the reason."""

    stored: set[str] = field(default_factory=set)
    unchanged: set[str] = field(default_factory=set)
    refused: dict[str, Reason] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.stored or name in self.unchanged or name in self.refused

    def refusals(self, documents: Mapping[str, Pending]) -> list[UnreadableRecord]:
        """Return the records whose document of *documents* was refused."""
        return [
            UnreadableRecord(event.record, self.refused[name])
            for name in documents.keys() & self.refused.keys()
            for event in documents[name].events
        ]


@dataclass(frozen=True, slots=True)
class _Post:
    documents: Mapping[str, Pending]
    received_at: datetime
    dates: Mapping[str, datetime | None]
    budget: Budget
    saved: Saved


# The fields of a document after its events, and the write that stores them.
_Change = tuple[dict[str, Any], Write]


class StatusStore:
    """The documents and the quarantine of *collection*; no *cache*: always read. Thread-safe."""

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

    def named(self, collection: str, documents: Mapping[str, Pending]) -> dict[str, Pending]:
        """Return *documents* of a collection by their resource names instead of their ids."""
        return {self._database.document(collection, i): each for i, each in documents.items()}

    def save(
        self, documents: Mapping[str, Pending], received_at: datetime, budget: Budget, saved: Saved
    ) -> None:
        """Write each of *documents*, by resource name, and note it in *saved*.

        Raises StoreUnavailable if *budget* runs out. What was stored stays stored, and
        saving the same again stores the rest.
        """
        dates = {"last_received_at": received_at, **self._writer.expiry(received_at)}
        post = _Post(documents, received_at, dates, budget, saved)
        pending = list(documents)
        for attempt in attempts(budget):
            for names in _groups(pending):
                if budget.left() < 0:
                    break  # the calls would fail at once, and folding takes time
                changes = self._folded_into_cached(names, post) if attempt == 0 else {}
                unknown = [n for n in names if n not in changes and n not in post.saved]
                changes |= self._folded_into_read(unknown, post)
                self._write(changes, post)
            pending = [n for n in pending if n not in saved]
            if not pending:
                return
        raise StoreUnavailable(f"{len(pending)} of {len(documents)} documents not stored in time")

    def quarantine(self, entries: Iterable[Entry], received_at: datetime, budget: Budget) -> None:
        """Store *entries*; one that exists already stays. Raises StoreUnavailable."""
        collection = f"{self._collection}_quarantine"
        self._writer.create(collection, dict(entries), received_at, budget)

    def _folded_into_cached(self, names: Iterable[str], post: _Post) -> dict[str, _Change]:
        """Return the changes to cached documents, and to those that are probably new."""
        changes: dict[str, _Change] = {}
        if self._cache is None:
            return changes
        for name in names:
            cached = self._cache.get(name)
            if cached is None and not post.documents[name].is_probably_new:
                continue
            held = cached.held if cached else None
            fields, write = self._fold(name, held, held.fields if held else {}, post)
            if write:
                changes[name] = fields, write
            elif cached and cached.is_trusted:
                post.saved.unchanged.add(name)
        return changes

    def _folded_into_read(self, names: Sequence[str], post: _Post) -> dict[str, _Change]:
        """Read documents and return the changes to them; one that is not read has none."""
        changes = {}
        asked_at = time.monotonic()
        for name, held in self._read(names, post).items():
            kind = post.documents[name].kind
            try:
                known = kind.valid(held.fields) if held else {}
            except UnreadableDocumentError:
                post.saved.refused[name] = kind.unreadable
                continue
            fields, write = self._fold(name, held, known, post)
            if write:
                changes[name] = fields, write
            elif held:
                self._remember(name, Held(fields, held.update_time), asked_at)
                post.saved.unchanged.add(name)
        return changes

    def _write(self, changes: Mapping[str, _Change], post: _Post) -> None:
        asked_at = time.monotonic()
        writes = {name: write for name, (_, write) in changes.items()}
        for name, written in self._writer.write(writes, post.budget).items():
            if written.code is StatusCode.OK:
                post.saved.stored.add(name)
                fields, _ = changes[name]
                self._remember(name, Held(fields, written.update_time), asked_at)
                continue
            self._remember(name, None, asked_at)
            if written.code is StatusCode.INVALID_ARGUMENT:
                post.saved.refused[name] = Reason.REFUSED_BY_FIRESTORE
            elif written.code not in _READ_AGAIN:
                raise StoreUnavailable(f"Firestore answered {written.code.name} to a write.")

    def _remember(self, name: str, held: Held | None, asked_at: float) -> None:
        if self._cache and held:
            self._cache.put(name, held, asked_at)
        elif self._cache:
            self._cache.drop(name)

    def _read(self, names: Sequence[str], post: _Post) -> dict[str, Held | None]:
        """Return the documents that could be read; those missing here are to be read again."""
        if not names:
            return {}
        fields = {field: None for n in names for field in post.documents[n].kind.fields}
        try:
            return self._database.read(names, (*fields, _FIRST_RECEIVED), post.budget)
        except GoogleAPICallError as error:
            self._writer.raise_unless_transient(error)
            return {}

    def _fold(
        self, name: str, held: Held | None, known: Mapping[str, Any], post: _Post
    ) -> tuple[dict[str, Any], Write | None]:
        """Fold the events into *held*; *known* is what is valid of its fields.

        Return the fields after it, and the write if there is anything new.
        """
        pending, before = post.documents[name], held.fields if held else {}
        kind = pending.kind
        folded = pending.fold(known)
        changes = kind.changes(before, folded)
        folded[_FIRST_RECEIVED] = before.get(_FIRST_RECEIVED)
        if held and not changes:
            return folded, None
        appended: dict[str, list[Any]] = {}
        if kind.is_dated:
            appended = _appended(before, changes)
            changes |= post.dates
            if not folded[_FIRST_RECEIVED]:  # an application may have made the document before
                folded[_FIRST_RECEIVED] = changes[_FIRST_RECEIVED] = post.received_at
        return folded, Write(name, changes, held.update_time if held else None, appended)


def _appended(before: Mapping[str, Any], changes: dict[str, Any]) -> dict[str, list[Any]]:
    """Take the history out of *changes* if it only grew, and return what it grew by.

    To write a long history whole costs many times the one event that is new. The held
    history must be the beginning of the new one element by element, not only in length:
    another writer may have changed an element.
    """
    held, new = before.get(_HISTORY), changes.get(_HISTORY)
    if not held or not new or new[: len(held)] != held:
        return {}
    del changes[_HISTORY]
    return {_HISTORY: new[len(held) :]}


def _groups(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), MOST_WRITES):
        yield names[start : start + MOST_WRITES]
