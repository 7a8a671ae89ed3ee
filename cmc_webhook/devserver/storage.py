"""
The documents in one SQLite file; the only module that talks to SQLite.

Whatever a transaction has written is on disk when it ends, or not at all.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cmc_webhook.devserver.errors import StartError
from cmc_webhook.devserver.messages import Document, Message
from cmc_webhook.devserver.names import DocumentName

# "CMCf" in ASCII, and the version of the tables below.
_APPLICATION_ID = 0x434D4366
_VERSION = 1
_SCHEMA = f"""
    BEGIN;
    CREATE TABLE documents (
        parent TEXT NOT NULL,
        collection TEXT NOT NULL,
        id TEXT NOT NULL,
        document BLOB NOT NULL,
        PRIMARY KEY (parent, collection, id)
    );
    CREATE TABLE clock (last_us INTEGER NOT NULL);
    INSERT INTO clock VALUES (0);
    PRAGMA application_id = {_APPLICATION_ID};
    PRAGMA user_version = {_VERSION};
    COMMIT;
"""


class Storage:
    """
    All documents of all databases. Thread-safe.

    One connection behind one lock: readers wait for a writer's disk, which is a
    millisecond, and every read sees one state. *clock* is in nanoseconds. *version*
    grows before a write can be seen.
    """

    def __init__(self, path: str, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._connection = _open(path)
        row = self._connection.execute("SELECT last_us FROM clock").fetchone()
        self._last_us: int = row[0]
        self.version = 0

    def close(self) -> None:
        """Give the file free; what comes later fails."""
        with self._lock:
            self._connection.close()

    def read(self, names: Iterable[DocumentName]) -> tuple[dict[DocumentName, Message], int]:
        """Return those documents that exist, and the time in microseconds of which this is true."""
        with self._lock:
            found = {name: self._get(name) for name in names}
            return {name: held for name, held in found.items() if held is not None}, self._now()

    def scan(
        self, parent: str, collection: str, *, after: str = "", limit: int = -1
    ) -> tuple[list[Message], int]:
        """Return documents of one collection by id, and the time of which this is true."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT document FROM documents WHERE parent = ? AND collection = ? AND id > ?"
                " ORDER BY id LIMIT ?",
                (parent, collection, after, limit),
            ).fetchall()
            read_us = self._now()
        return [Document.FromString(data) for (data,) in rows], read_us

    def collection_ids(self, parent: str, *, after: str, limit: int) -> list[str]:
        """Return the ids of collections with documents right under *parent*."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT DISTINCT collection FROM documents WHERE parent = ? AND collection > ?"
                " ORDER BY collection LIMIT ?",
                (parent, after, limit),
            ).fetchall()
        return [collection for (collection,) in rows]

    @contextmanager
    def transaction(self) -> Iterator["Transaction"]:
        """Write everything or, if the block raises, nothing; nobody reads or writes meanwhile."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self)
                self._connection.execute("UPDATE clock SET last_us = ?", (self._last_us,))
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()
                raise

    def _get(self, name: DocumentName) -> Message | None:
        row = self._connection.execute(
            "SELECT document FROM documents WHERE parent = ? AND collection = ? AND id = ?", name
        ).fetchone()
        return Document.FromString(row[0]) if row else None

    def _now(self) -> int:
        self._last_us = max(self._clock() // 1000, self._last_us)
        return self._last_us

    def _tick(self) -> int:
        self._last_us = max(self._clock() // 1000, self._last_us + 1)
        return self._last_us


class Transaction:
    """What can be done between begin and commit."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def tick(self) -> int:
        """Return a commit time in microseconds, later than any before, over restarts too."""
        return self._storage._tick()

    def get(self, name: DocumentName) -> Message | None:
        """Return the document with the writes of this transaction so far."""
        return self._storage._get(name)

    def put(self, name: DocumentName, document: Message | None) -> None:
        """Store *document*; None deletes it."""
        self._storage.version += 1
        execute = self._storage._connection.execute
        if document is None:
            execute("DELETE FROM documents WHERE parent = ? AND collection = ? AND id = ?", name)
        else:
            execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET document = excluded.document",
                (*name, document.SerializeToString()),
            )


def _open(path: str) -> sqlite3.Connection:
    """Open and lock the file, a new one if there is none, or raise StartError."""
    if path != ":memory:" and not Path(path).parent.is_dir():
        raise StartError(f"The directory of {path} does not exist: create it, or choose another.")
    connection = None
    try:
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        _claim(connection, path)
    except (sqlite3.Error, StartError) as error:
        if connection:
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise StartError(_explain(error, path)) from error
        raise
    return connection


def _claim(connection: sqlite3.Connection, path: str) -> None:
    # The lock of the first transaction stays until the connection is closed or the process dies.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    connection.execute("COMMIT")
    if tables and application_id != _APPLICATION_ID:
        raise StartError(f"{path} is not a file of this server: choose another with --data.")
    if version > _VERSION:
        raise StartError(
            f"{path} was written by a newer version of this server: use that one, or choose"
            " another file with --data."
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if not tables:
        connection.executescript(_SCHEMA)


def _explain(error: sqlite3.Error, path: str) -> str:
    code = error.sqlite_errorcode & 0xFF  # without what SQLite adds to say more
    if code == sqlite3.SQLITE_BUSY:
        return f"{path} is in use by another server: stop that one, or choose another file."
    if code == sqlite3.SQLITE_NOTADB:
        return f"{path} is not a file of this server: choose another with --data."
    return f"{path} cannot be used: {error}."
