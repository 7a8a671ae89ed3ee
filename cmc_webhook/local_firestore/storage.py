"""
The documents in SQLite; the only module that writes them there.

Whatever a writer has put is on disk when it ends, or not at all.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import NamedTuple, TypeAlias
from weakref import WeakSet

from cmc_webhook.local_firestore.data_file import open_file
from cmc_webhook.local_firestore.memory_index import Columns
from cmc_webhook.local_firestore.messages import Document, Message
from cmc_webhook.local_firestore.queries import Query, pick, run
from cmc_webhook.local_firestore.resource_names import DocumentName, Scope, parse_document

# Documents by name, None for those that are not there.
Documents: TypeAlias = dict[DocumentName, Message | None]

_NOTHING: Documents = {}


class Commit(NamedTuple):
    """What one writer has changed, for those who follow the storage."""

    time_us: int
    documents: Documents


Follower: TypeAlias = Callable[[Commit], None]


class Snapshot:
    """A state of the documents, held by what has been overwritten since. Storage fills it."""

    def __init__(self, time_us: int) -> None:
        self.time_us = time_us
        self.overwritten: Documents = {}


class Storage:
    """
    All documents of all databases. Thread-safe.

    One connection behind one lock: readers wait for a writer's disk, which is a
    millisecond, and every read sees one state. *clock* is in nanoseconds.
    """

    def __init__(self, path: str, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._connection = open_file(path)
        self._columns = Columns(self._connection)
        row = self._connection.execute("SELECT last_us FROM clock").fetchone()
        self._last_us: int = row[0]
        # A snapshot is kept up as long as somebody holds it.
        self._snapshots: WeakSet[Snapshot] = WeakSet()
        self._followers: list[Follower] = []

    def close(self) -> None:
        """Give the file free; what comes later fails."""
        with self._lock:
            self._connection.close()

    def now_us(self) -> int:
        """Return the time in microseconds, never earlier than one that was told before."""
        with self._lock:
            return self._now()

    @contextmanager
    def reading(self) -> Iterator["Reader"]:
        """Read the latest state; nobody writes meanwhile."""
        with self._lock:
            yield Reader(self, self._now())

    @contextmanager
    def writing(self) -> Iterator["Writer"]:
        """Write everything or, if the block raises, nothing; nobody reads or writes meanwhile."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                writer = Writer(self)
                yield writer
                self._connection.execute("UPDATE clock SET last_us = ?", (self._last_us,))
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()
                raise
            if writer.changed:
                for follower in self._followers:
                    follower(Commit(self._last_us, writer.changed))

    def follow(self, follower: Follower) -> None:
        """Tell *follower* of every commit from now on, in order, in the threads of the writers."""
        with self._lock:
            self._followers.append(follower)

    def unfollow(self, follower: Follower) -> None:
        """Tell *follower* of no more commits."""
        with self._lock:
            self._followers.remove(follower)

    def _now(self) -> int:
        self._last_us = max(self._clock() // 1000, self._last_us)
        return self._last_us

    def _tick(self) -> int:
        self._last_us = max(self._clock() // 1000, self._last_us + 1)
        return self._last_us


class Reader:
    """One state of the documents, true at *time_us*; usable in the block that it is made for."""

    def __init__(self, storage: Storage, time_us: int, overwritten: Documents = _NOTHING) -> None:
        self._storage = storage
        self._execute = storage._connection.execute
        self._overwritten = overwritten
        self.time_us = time_us

    def snapshot(self) -> Snapshot:
        """Return what brings the latest state back later."""
        snapshot = Snapshot(self.time_us)
        self._storage._snapshots.add(snapshot)
        return snapshot

    def at(self, snapshot: Snapshot) -> "Reader":
        """Return a reader of *snapshot*."""
        return Reader(self._storage, snapshot.time_us, snapshot.overwritten)

    def get(self, name: DocumentName) -> Message | None:
        """Return the document, None if there is none."""
        if name in self._overwritten:
            return self._overwritten[name]
        row = self._execute(
            "SELECT document FROM documents WHERE parent = ? AND collection = ? AND id = ?", name
        ).fetchone()
        return Document.FromString(row[0]) if row else None

    def find(self, query: Query) -> tuple[list[DocumentName], int]:
        """Return the names of what *query* selects, and how many its offset skipped."""
        past = self._past(query.scope)
        rows = None if past else self._storage._columns.rows(query)
        if rows is not None:
            with closing(rows):
                return pick(query, rows)
        documents, skipped = run(query, self._scan(query.scope, past))
        return [parse_document(document.name) for document in documents], skipped

    def count(self, query: Query) -> int:
        """Return how many documents *query* selects."""
        cut = query.is_cut() or self._past(query.scope)
        found = None if cut else self._storage._columns.count(query)
        return len(self.find(query)[0]) if found is None else found

    def _past(self, scope: Scope) -> Mapping[str, Message | None]:
        """Return what of *scope* has been overwritten since, by full names."""
        held = self._overwritten.items()
        return {str(name): document for name, document in held if scope.holds(name)}

    def _scan(self, scope: Scope, past: Mapping[str, Message | None]) -> Iterator[Message]:
        """Yield the documents of *scope*, in no order; of those in *past*, what was there then."""
        condition, values = _condition(scope)
        for (data,) in self._execute(f"SELECT document FROM documents WHERE {condition}", values):
            document = Document.FromString(data)
            if document.name not in past:
                yield document
        yield from (held for held in past.values() if held is not None)

    def document_ids(self, parent: str, collection: str) -> set[str]:
        """Return the ids of the documents of a collection that are there."""
        rows = self._execute(
            "SELECT id FROM documents WHERE parent = ? AND collection = ?", (parent, collection)
        )
        return {document_id for (document_id,) in rows}

    def parents_under(self, prefix: str) -> list[str]:
        """Return what stands in the names of documents after `prefix/`, down to their parent."""
        rows = self._execute(
            "SELECT DISTINCT parent FROM documents WHERE parent > ? AND parent < ?",
            _range_under(prefix),
        )
        return [parent[len(prefix) + 1 :] for (parent,) in rows]

    def collection_ids(self, parent: str) -> set[str]:
        """Return the ids of collections right under *parent* that have a document at any depth."""
        rows = self._execute("SELECT DISTINCT collection FROM documents WHERE parent = ?", [parent])
        deeper = {path.partition("/")[0] for path in self.parents_under(parent)}
        return {collection for (collection,) in rows} | deeper


class Writer(Reader):
    """What can be done between begin and commit; it reads its own writes."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage, storage._now())
        self.changed: Documents = {}

    def tick(self) -> int:
        """Return a commit time in microseconds, later than any before, over restarts too."""
        return self._storage._tick()

    def put(self, name: DocumentName, document: Message | None) -> None:
        """Store *document*; None deletes it."""
        for snapshot in self._storage._snapshots:
            if name not in snapshot.overwritten:
                snapshot.overwritten[name] = self.get(name)
        self.changed[name] = document
        self._storage._columns.put(name, document)
        if document is None:
            self._execute(
                "DELETE FROM documents WHERE parent = ? AND collection = ? AND id = ?", name
            )
        else:
            self._execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET document = excluded.document",
                (*name, document.SerializeToString()),
            )


def _condition(scope: Scope) -> tuple[str, list[str]]:
    condition, values = "parent = ?", [scope.parent]
    if scope.descendants:
        condition = "(parent = ? OR parent > ? AND parent < ?)"
        values += _range_under(scope.parent)
    if scope.collection:
        condition += " AND collection = ?"
        values.append(scope.collection)
    return condition, values


def _range_under(name: str) -> tuple[str, str]:
    """Return the bounds of the names under *name*: "0" comes right after "/"."""
    return f"{name}/", f"{name}0"
