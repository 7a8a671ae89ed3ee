"""
Writes status documents and quarantine, each document by itself and under a condition.

A post needs every document right, not all of them at once. So no transaction: what was read goes
back under the condition that nobody has written since, and only the losers are read again.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from grpc import StatusCode

from cmc_webhook import status
from cmc_webhook.errors import StoreUnavailable
from cmc_webhook.events import StatusEvent
from cmc_webhook.guess import Guesses
from cmc_webhook.quarantine import QuarantineEntry
from cmc_webhook.rpc import Budget, Database, Held
from cmc_webhook.writer import TRANSIENT, Writer, attempts
from cmc_webhook.writes import MOST_WRITES, Write

# A write that lost: the document is not as it was read, or nobody knows.
_READ_AGAIN = TRANSIENT | {
    StatusCode.NOT_FOUND,
    StatusCode.ALREADY_EXISTS,
    StatusCode.FAILED_PRECONDITION,
}


@dataclass(slots=True)
class Saved:
    """What became of each document of a post, by document id; *refused* says why."""

    stored: set[str] = field(default_factory=set)
    unchanged: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)

    def __contains__(self, document_id: str) -> bool:
        return any(document_id in done for done in (self.stored, self.unchanged, self.refused))


@dataclass(frozen=True, slots=True)
class _Post:
    """What one call of save works on."""

    documents: Mapping[str, Sequence[StatusEvent]]
    received_at: datetime
    budget: Budget
    saved: Saved


@dataclass(frozen=True, slots=True)
class _Change:
    """A write, and the fields of the document after it."""

    write: Write
    fields: dict[str, Any]


class StatusStore:
    """
    The status documents of one collection, and the quarantine beside it. Thread-safe.

    Without *guesses*, every document is read before it is written.
    """

    def __init__(
        self,
        database: Database,
        collection: str,
        *,
        retention: timedelta | None = None,
        guesses: Guesses | None = None,
    ) -> None:
        self._database = database
        self._writer = Writer(database, retention)
        self._collection = collection
        self._guesses = guesses

    def save(
        self,
        documents: Mapping[str, Sequence[StatusEvent]],
        received_at: datetime,
        budget: Budget,
        saved: Saved,
    ) -> None:
        """
        Fold the events into the document under whose id they stand, and note it in *saved*.

        Raise StoreUnavailable if *budget* runs out first: what was stored stays
        stored, and to save the same again finishes the rest.
        """
        post = _Post(documents, received_at, budget, saved)
        pending = list(documents)
        for attempt in attempts(budget):
            for ids in _groups(pending):
                changes = self._guessed(ids, post) if attempt == 0 else {}
                unknown = [i for i in ids if i not in changes and i not in post.saved]
                changes |= self._read_and_folded(unknown, post)
                self._try(changes, post)
            pending = [i for i in pending if i not in saved]
            if not pending:
                return
        raise StoreUnavailable(f"{len(pending)} of {len(documents)} documents not stored in time")

    def quarantine(
        self, entries: Iterable[QuarantineEntry], received_at: datetime, budget: Budget
    ) -> None:
        """Keep *entries*, each once however often it is kept, or raise StoreUnavailable."""
        collection = f"{self._collection}_quarantine"
        documents = {entry.id: entry.fields for entry in entries}
        self._writer.create(collection, documents, received_at, budget)

    def _guessed(self, ids: Iterable[str], post: _Post) -> dict[str, _Change]:
        """Return the changes to documents that are believed to be known."""
        changes: dict[str, _Change] = {}
        if self._guesses is None:
            return changes
        for document_id in ids:
            guess = self._guesses.recall(document_id, post.documents[document_id])
            if guess is None:
                continue
            change = self._fold(document_id, guess.held, post)
            if change:
                changes[document_id] = change
            elif guess.trusted:
                post.saved.unchanged.add(document_id)
        return changes

    def _read_and_folded(self, ids: Sequence[str], post: _Post) -> dict[str, _Change]:
        """Return the changes to documents as they are; what cannot be read has none."""
        changes = {}
        asked_at = time.monotonic()
        for document_id, held in self._read(ids, post.budget).items():
            try:
                change = self._fold(document_id, held, post)
            except status.UnreadableDocumentError:
                post.saved.refused[document_id] = "unreadable_document"
                continue
            self._believe(document_id, held, asked_at)
            if change:
                changes[document_id] = change
            else:
                post.saved.unchanged.add(document_id)
        return changes

    def _try(self, changes: Mapping[str, _Change], post: _Post) -> None:
        """Write *changes* and note in *post* those that are done with."""
        asked_at = time.monotonic()
        writes = {document_id: change.write for document_id, change in changes.items()}
        for document_id, written in self._writer.write(writes, post.budget).items():
            if written.code is StatusCode.OK:
                post.saved.stored.add(document_id)
                held = Held(changes[document_id].fields, written.update_time)
                self._believe(document_id, held, asked_at)
                continue
            self._believe(document_id, None, asked_at)
            if written.code is StatusCode.INVALID_ARGUMENT:
                post.saved.refused[document_id] = "refused_by_firestore"
            elif written.code not in _READ_AGAIN:
                raise StoreUnavailable(f"Firestore answered {written.code.name} to a write.")

    def _believe(self, document_id: str, held: Held | None, asked_at: float) -> None:
        if self._guesses and held:
            self._guesses.confirm(document_id, held, asked_at)
        elif self._guesses:
            self._guesses.forget(document_id)

    def _read(self, ids: Sequence[str], budget: Budget) -> dict[str, Held | None]:
        """Return what could be read; whatever is missing in it is to be read again."""
        if not ids:
            return {}
        names = {self._database.document(self._collection, i): i for i in ids}
        try:
            held = self._database.read(names, status.FIELDS, budget)
        except GoogleAPICallError as error:
            self._writer.raise_unless_transient(error)
            return {}
        return {names[name]: document for name, document in held.items()}

    def _fold(self, document_id: str, held: Held | None, post: _Post) -> _Change | None:
        """Return the change that the events make to *held*, None if they bring nothing new."""
        name = self._database.document(self._collection, document_id)
        before = held.fields if held else {}
        folded = status.fold(before, post.documents[document_id])
        about = {"last_received_at": post.received_at, **self._writer.expiry(post.received_at)}
        if held is None:
            first = {"first_received_at": post.received_at}
            return _Change(Write(name, {**folded, **first, **about}, update_time=None), folded)
        changes = status.changes(before, folded)
        if not changes:
            return None
        return _Change(Write(name, {**changes, **about}, held.update_time), folded)


def _groups(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), MOST_WRITES):
        yield ids[start : start + MOST_WRITES]
