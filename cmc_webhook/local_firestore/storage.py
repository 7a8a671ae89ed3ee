"""The documents, in memory and in SQLite. A block of writing() is committed whole or not at all.

A commit replaces the dictionary of all documents, so a reader has those of its time for good.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

from cmc_webhook.local_firestore.data_file import open_file, refusal
from cmc_webhook.local_firestore.indexes import IndexCheck, IndexDefinitions
from cmc_webhook.local_firestore.messages import Message
from cmc_webhook.local_firestore.queries import Query, evaluate
from cmc_webhook.local_firestore.resource_names import DocumentName, Scope
from cmc_webhook.local_firestore.stored import StoredDocument

Documents: TypeAlias = Mapping[DocumentName, StoredDocument]


class ReadResult(NamedTuple):
    """What was found, and how many documents the offset skipped."""

    found: Sequence[StoredDocument]
    skipped: int = 0

    def documents(self) -> list[Message]:
        return [document.message() for document in self.found]


class StorageReader:
    """Reads the documents as of *time_us*, also after they have changed."""

    def __init__(self, documents: Documents, time_us: int, index_check: IndexCheck) -> None:
        self._documents = documents
        self._index_check = index_check
        self.time_us = time_us

    def get(self, name: DocumentName) -> Message | None:
        document = self._documents.get(name)
        return document and document.message()

    def get_all(self, names: Iterable[DocumentName]) -> ReadResult:
        """Read those of *names* that exist."""
        return ReadResult([*filter(None, map(self._documents.get, names))])

    def select(self, query: Query) -> ReadResult:
        """Read the documents of *query*, or raise FailedPrecondition if it lacks an index."""
        self._index_check.check(query)
        return ReadResult(*evaluate(query, [self._documents[n] for n in self._in(query.scope)]))

    def paths_under(self, parent: str) -> Iterator[list[str]]:
        """Yield the ids from *parent* to each document under it, at any depth."""
        for name in self._in(Scope(parent, "", descendants=True)):
            yield str(name)[len(parent) + 1 :].split("/")

    def _in(self, scope: Scope) -> Iterator[DocumentName]:
        return filter(scope.contains, self._documents)


class Storage:
    """All documents of all databases. Thread-safe. *clock* returns nanoseconds."""

    def __init__(
        self,
        path: str,
        indexes: IndexDefinitions | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._index_check = IndexCheck(indexes)
        self._clock = clock
        # One connection and one lock: readers wait for an fsync.
        self._lock = threading.Lock()
        self._connection = open_file(path)
        rows = self._connection.execute("SELECT parent, collection, id, document FROM documents")
        self._documents = {DocumentName(*name): StoredDocument(data) for *name, data in rows}
        self._last_us: int = self._connection.execute("SELECT last_us FROM clock").fetchone()[0]

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def latest(self) -> StorageReader:
        with self._lock:
            return StorageReader(self._documents, self._now(), self._index_check)

    @contextmanager
    def writing(self) -> Iterator["StorageWriter"]:
        """Commit at the end of the block, or roll back if it raises; all others wait meanwhile."""
        with self._lock:
            writer = StorageWriter(self)
            try:
                with self._connection:
                    self._connection.execute("BEGIN IMMEDIATE")
                    yield writer
                    self._connection.execute("UPDATE clock SET last_us = ?", (self._last_us,))
            except sqlite3.Error as error:
                raise refusal(error) from error
            self._documents = writer.documents

    def clear(self) -> None:
        with self.writing() as writer:
            writer.tick()
            for name in list(writer.documents):
                writer.put(name, None)

    def _now(self, later_by_us: int = 0) -> int:
        self._last_us = max(self._clock() // 1000, self._last_us + later_by_us)
        return self._last_us


class StorageWriter(StorageReader):
    """Reads and writes in one transaction of SQLite; sees its own writes."""

    def __init__(self, storage: Storage) -> None:
        self.documents = dict(storage._documents)
        super().__init__(self.documents, storage._now(), storage._index_check)
        self._storage = storage
        self._execute = storage._connection.execute

    def tick(self) -> int:
        """Return a commit time in microseconds, later than all before, also after a restart."""
        return self._storage._now(later_by_us=1)

    def put(self, name: DocumentName, document: Message | None) -> None:
        """Store *document*, or delete it if None."""
        if document is None:
            self.documents.pop(name, None)
            self._execute(
                "DELETE FROM documents WHERE parent = ? AND collection = ? AND id = ?", name
            )
        else:
            data = document.SerializeToString()
            self.documents[name] = StoredDocument(data)
            self._execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", (*name, data))
