"""
Writes status documents and quarantine, each document by itself and under a condition.

A post needs every document right, not all of them at once. So no transaction: what was read goes
back under the condition that nobody has written since, and only the losers are read again.
"""

import itertools
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud.firestore_v1.types import Write
from grpc import StatusCode

from cmc_webhook import codec, status
from cmc_webhook.errors import StoreMisconfigured, StoreUnavailable
from cmc_webhook.events import StatusEvent
from cmc_webhook.quarantine import QuarantineEntry
from cmc_webhook.rpc import Budget, Database, Held

_Write = Write.pb()

# Firestore's documented limit is 10 MiB a request, that of Google's emulator 4 MiB (seen); a limit
# of 500 writes stood in the documentation once.
_MOST_WRITES = 200
_MOST_BYTES = 4_000_000

_TRANSIENT = {
    StatusCode.UNAVAILABLE,
    StatusCode.ABORTED,
    StatusCode.DEADLINE_EXCEEDED,
    StatusCode.INTERNAL,
    StatusCode.RESOURCE_EXHAUSTED,
    StatusCode.UNKNOWN,
    StatusCode.CANCELLED,
}
# A write that lost: the document is not as it was read, or nobody knows.
_READ_AGAIN = _TRANSIENT | {
    StatusCode.NOT_FOUND,
    StatusCode.ALREADY_EXISTS,
    StatusCode.FAILED_PRECONDITION,
}
# A call that Firestore refuses because of the deployment, and what to do.
_DEPLOYMENT = {
    StatusCode.PERMISSION_DENIED: "grant the function's service account roles/datastore.user",
    StatusCode.UNAUTHENTICATED: "give the function a service account that exists",
    StatusCode.NOT_FOUND: "create the database, or name an existing one in CMC_DATABASE",
    StatusCode.FAILED_PRECONDITION: "the database must be in Native mode: name one in CMC_DATABASE",
}


@dataclass(slots=True)
class Saved:
    """What became of each document of a post, by document id; *refused* says why."""

    stored: set[str] = field(default_factory=set)
    unchanged: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)

    def __contains__(self, document_id: str) -> bool:
        return any(document_id in done for done in (self.stored, self.unchanged, self.refused))


class StatusStore:
    """The status documents of one collection, and the quarantine beside it. Thread-safe."""

    def __init__(
        self, database: Database, collection: str, *, retention: timedelta | None = None
    ) -> None:
        self._database = database
        self._collection = collection
        self._retention = retention

    def save(
        self,
        documents: Mapping[str, Sequence[StatusEvent]],
        received_at: datetime,
        budget: Budget,
    ) -> Saved:
        """
        Fold the events into the document under whose id they stand.

        Raise StoreUnavailable if *budget* runs out first: what was stored stays
        stored, and to save the same again finishes the rest.
        """
        saved = Saved()
        pending = list(documents)
        for _ in _attempts(budget):
            for ids in _groups(pending):
                self._save({i: documents[i] for i in ids}, received_at, saved, budget)
            pending = [i for i in pending if i not in saved]
            if not pending:
                return saved
        raise StoreUnavailable(f"{len(pending)} of {len(documents)} documents not stored in time")

    def quarantine(
        self, entries: Iterable[QuarantineEntry], received_at: datetime, budget: Budget
    ) -> None:
        """Keep *entries*, each once however often it is kept, or raise StoreUnavailable."""
        collection = f"{self._collection}_quarantine"
        pending = {}
        for entry in entries:
            name = self._database.document(collection, entry.id)
            fields = {**entry.fields, "received_at": received_at, **self._expiry(received_at)}
            pending[entry.id] = _create(name, fields)
        for _ in _attempts(budget):
            for entry_id, code in self._write(pending, budget).items():
                if code in (StatusCode.OK, StatusCode.ALREADY_EXISTS):
                    del pending[entry_id]
                elif code not in _TRANSIENT:
                    raise StoreUnavailable(f"Firestore refused a quarantine entry: {code.name}")
            if not pending:
                return
        raise StoreUnavailable(f"{len(pending)} records not quarantined in time")

    def _save(
        self,
        documents: Mapping[str, Sequence[StatusEvent]],
        received_at: datetime,
        saved: Saved,
        budget: Budget,
    ) -> None:
        """Try each document once and note in *saved* those that are done with."""
        writes = {}
        held = self._read(documents, budget)
        for document_id in held:
            try:
                write = self._fold(document_id, held[document_id], documents, received_at)
            except status.UnreadableDocumentError:
                saved.refused[document_id] = "unreadable_document"
                continue
            if write is None:
                saved.unchanged.add(document_id)
            else:
                writes[document_id] = write
        for document_id, code in self._write(writes, budget).items():
            if code is StatusCode.OK:
                saved.stored.add(document_id)
            elif code is StatusCode.INVALID_ARGUMENT:
                saved.refused[document_id] = "refused_by_firestore"
            elif code not in _READ_AGAIN:
                raise StoreUnavailable(f"Firestore answered {code.name} to a write")

    def _read(self, ids: Iterable[str], budget: Budget) -> dict[str, Held | None]:
        """Return what could be read; whatever is missing in it is to be read again."""
        names = {self._database.document(self._collection, i): i for i in ids}
        try:
            held = self._database.read(names, status.FIELDS, budget)
        except GoogleAPICallError as error:
            self._raise_unless_transient(error)
            return {}
        return {names[name]: document for name, document in held.items()}

    def _fold(
        self,
        document_id: str,
        held: Held | None,
        documents: Mapping[str, Sequence[StatusEvent]],
        received_at: datetime,
    ) -> Any | None:
        """Return the write that the events need, None if they bring nothing new."""
        name = self._database.document(self._collection, document_id)
        before = held.fields if held else {}
        folded = status.fold(before, documents[document_id])
        about = {"last_received_at": received_at, **self._expiry(received_at)}
        if held is None:
            return _create(name, {**folded, "first_received_at": received_at, **about})
        changes = status.changes(before, folded)
        return _update(name, {**changes, **about}, held) if changes else None

    def _expiry(self, received_at: datetime) -> dict[str, datetime]:
        return {"expires_at": received_at + self._retention} if self._retention else {}

    def _write(self, writes: Mapping[str, Any], budget: Budget) -> dict[str, StatusCode]:
        """Return what became of each write."""
        codes: dict[str, StatusCode] = {}
        waiting = list(_chunks(writes))
        while waiting:
            ids = waiting.pop()
            try:
                results = self._database.write([writes[i] for i in ids], budget)
            except GoogleAPICallError as error:
                if error.grpc_status_code is not StatusCode.INVALID_ARGUMENT:
                    self._raise_unless_transient(error)
                elif len(ids) > 1:
                    # Nothing of the call was applied: find the write that it refuses.
                    middle = len(ids) // 2
                    waiting += [ids[:middle], ids[middle:]]
                    continue
                results = [error.grpc_status_code] * len(ids)
            codes.update(zip(ids, results, strict=True))
        return codes

    def _raise_unless_transient(self, error: GoogleAPICallError) -> None:
        code = error.grpc_status_code
        if code and code in _DEPLOYMENT:
            place = f"project {self._database.project}, database {self._database.database}"
            raise StoreMisconfigured(
                f"Firestore answered {code.name} for {place}: {_DEPLOYMENT[code]}."
            ) from error
        if code not in _TRANSIENT:
            name = code.name if code else type(error).__name__
            raise StoreUnavailable(f"Firestore answered {name}.") from error


def _create(name: str, fields: Mapping[str, Any]) -> Any:
    write = _Write()
    write.update.name = name
    codec.encode_fields(fields, write.update.fields)
    write.current_document.exists = False
    return write


def _update(name: str, changes: Mapping[str, Any], held: Held) -> Any:
    """Return the write that sets *changes*, and deletes what is None, if *held* is still true."""
    write = _Write()
    write.update.name = name
    present = {field: value for field, value in changes.items() if value is not None}
    codec.encode_fields(present, write.update.fields)
    write.update_mask.field_paths.extend(changes)
    write.current_document.update_time.CopyFrom(held.update_time)
    return write


def _attempts(budget: Budget) -> Iterator[None]:
    """Yield until *budget* is spent, pausing at random between, so that rivals come apart."""
    for attempt in itertools.count():
        yield
        pause = random.uniform(0, min(0.02 * 2 ** min(attempt, 5), 0.5))
        if budget.left() <= pause:
            return
        time.sleep(pause)


def _groups(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _MOST_WRITES):
        yield ids[start : start + _MOST_WRITES]


def _chunks(writes: Mapping[str, Any]) -> Iterator[list[str]]:
    """Group the ids of *writes* so that each group fits into one request."""
    chunk: list[str] = []
    room = _MOST_BYTES
    for write_id, write in writes.items():
        size = write.ByteSize()
        if chunk and (size > room or len(chunk) == _MOST_WRITES):
            yield chunk
            chunk, room = [], _MOST_BYTES
        chunk.append(write_id)
        room -= size
    if chunk:
        yield chunk
