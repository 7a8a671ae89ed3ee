"""The documents in SQLite. A block of writing() is committed to disk as a whole or not at all."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias
from weakref import WeakSet

from cmc_webhook.local_firestore.data_file import open_file, refusal
from cmc_webhook.local_firestore.messages import Document, Message
from cmc_webhook.local_firestore.queries import Query, evaluate
from cmc_webhook.local_firestore.resource_names import DocumentName, Scope

# Documents by name; None: it does not exist.
Documents: TypeAlias = dict[DocumentName, Message | None]

_BY_NAME = "parent = ? AND collection = ? AND id = ?"


class ReadResult(NamedTuple):
    """The documents, and how many the offset skipped."""

    documents: Sequence[Message]
    skipped: int = 0


class Storage:
    """All documents of all databases. Thread-safe. *clock* returns nanoseconds."""

    def __init__(self, path: str, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        # One connection and one lock: every read is consistent; readers wait for an fsync.
        self._lock = threading.Lock()
        self._connection = open_file(path)
        self._last_us: int = self._connection.execute("SELECT last_us FROM clock").fetchone()[0]
        # Weak: a snapshot is maintained as long as a transaction refers to it.
        self._snapshots: WeakSet[StorageReader] = WeakSet()
        self._subscribers: list[Callable[[StorageReader], None]] = []

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def now_us(self) -> int:
        with self._lock:
            return self._now()

    @contextmanager
    def reading(self) -> Iterator["StorageReader"]:
        """Read the current documents; writers wait meanwhile."""
        with self._lock, _refusing():
            yield StorageReader(self, self._now())

    @contextmanager
    def writing(self) -> Iterator["StorageWriter"]:
        """Commit at the end of the block, or roll back if it raises; all others wait meanwhile."""
        with self._lock, _refusing():
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                writer = StorageWriter(self)
                yield writer
                self._connection.execute("UPDATE clock SET last_us = ?", (self._last_us,))
            if writer.changed:
                snapshot = StorageReader(self, self._last_us).snapshot()
                for subscriber in self._subscribers:
                    subscriber(snapshot)

    def clear(self) -> None:
        with self.writing() as writer:
            writer.tick()
            rows = self._connection.execute("SELECT parent, collection, id FROM documents")
            for row in rows.fetchall():
                writer.put(DocumentName(*row), None)

    def subscribe(self, subscriber: Callable[["StorageReader"], None]) -> None:
        """Call *subscriber* with a snapshot after each commit, in order, in the writer's thread."""
        self._subscribers.append(subscriber)

    def _now(self) -> int:
        self._last_us = max(self._clock() // 1000, self._last_us)
        return self._last_us

    def _tick(self) -> int:
        self._last_us = max(self._clock() // 1000, self._last_us + 1)
        return self._last_us


class StorageReader:
    """Reads the documents as of *time_us*; valid only inside a block of reading()."""

    def __init__(self, storage: Storage, time_us: int) -> None:
        self._storage = storage
        self._execute = storage._connection.execute
        # What has been overwritten since, in a snapshot.
        self._overwritten: Documents = {}
        self.time_us = time_us

    def snapshot(self) -> "StorageReader":
        """Return a reader of the same documents, also in a later block."""
        snapshot = StorageReader(self._storage, self.time_us)
        self._storage._snapshots.add(snapshot)
        return snapshot

    def get(self, name: DocumentName) -> Message | None:
        if name in self._overwritten:
            return self._overwritten[name]
        row = self._execute(f"SELECT document FROM documents WHERE {_BY_NAME}", name).fetchone()
        return Document.FromString(row[0]) if row else None

    def get_all(self, names: Iterable[DocumentName]) -> ReadResult:
        """Read those of *names* that exist."""
        found = map(self.get, names)
        return ReadResult([document for document in found if document is not None])

    def select(self, query: Query) -> ReadResult:
        return ReadResult(*evaluate(query, self._scan(query.scope)))

    def _scan(self, scope: Scope) -> Iterator[Message]:
        """Yield the documents in *scope*, unsorted."""
        held = self._overwritten.items()
        past = {str(name): document for name, document in held if scope.contains(name)}
        condition, values = "parent = ?", [scope.parent]
        if scope.descendants:
            condition = "(parent = ? OR parent > ? AND parent < ?)"
            values += _range_under(scope.parent)
        if scope.collection:
            condition += " AND collection = ?"
            values.append(scope.collection)
        for (data,) in self._execute(f"SELECT document FROM documents WHERE {condition}", values):
            document = Document.FromString(data)
            if document.name not in past:
                yield document
        yield from (document for document in past.values() if document is not None)

    def paths_under(self, parent: str) -> Iterator[list[str]]:
        """Yield the ids from *parent* to each document under it, at any depth."""
        rows = self._execute(
            "SELECT parent, collection, id FROM documents"
            " WHERE parent = ? OR parent > ? AND parent < ?",
            (parent, *_range_under(parent)),
        )
        return ("/".join(row)[len(parent) + 1 :].split("/") for row in rows)


class StorageWriter(StorageReader):
    """Reads and writes in one transaction of SQLite; sees its own writes."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage, storage._now())
        self.changed = False

    def tick(self) -> int:
        """Return a commit time in microseconds, later than all before, also after a restart."""
        return self._storage._tick()

    def put(self, name: DocumentName, document: Message | None) -> None:
        """Store *document*, or delete it if None."""
        before = self.get(name) if self._storage._snapshots else None
        for snapshot in self._storage._snapshots:
            snapshot._overwritten.setdefault(name, before)
        self.changed = True
        if document is None:
            self._execute(f"DELETE FROM documents WHERE {_BY_NAME}", name)
        else:
            self._execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET document = excluded.document",
                (*name, document.SerializeToString()),
            )


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise refusal(error) from error


def _range_under(name: str) -> tuple[str, str]:
    """Return the bounds of the names under *name*: "0" is the character after "/"."""
    return f"{name}/", f"{name}0"
