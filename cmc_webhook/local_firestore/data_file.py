"""Opens the SQLite file, locked for this process; refuses a file that is not ours."""

import sqlite3
from pathlib import Path

from google.api_core.exceptions import DataLoss, InternalServerError, ResourceExhausted

from cmc_webhook.local_firestore.errors import Refusal, StartError

# "CMCf" in ASCII, and the version of the tables in tables.sql.
_APPLICATION_ID = 0x434D4366
_VERSION = 1
_NOT_OURS = "is not a file of this server: choose another with --data."
_DAMAGED = "is damaged: replace it by a copy, or choose another with --data."
_READ_ONLY = "cannot be written: change its permissions, or choose another with --data."
# By extended or primary code.
_START_ERRORS = {
    sqlite3.SQLITE_BUSY: "is in use by another server: stop that one, or choose another file.",
    sqlite3.SQLITE_NOTADB: _NOT_OURS,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    # What SQLite reports if it may only read the file, which a lock for writing needs.
    sqlite3.SQLITE_IOERR_LOCK: _READ_ONLY,
}
_TABLES = Path(__file__).with_name("tables.sql").read_text(encoding="utf-8")


def open_file(path: str) -> sqlite3.Connection:
    """Open and lock the file, or create it; raise StartError if that fails."""
    if path != ":memory:" and not Path(path).parent.is_dir():
        raise StartError(f"The directory of {path} does not exist: create it, or choose another.")
    try:
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, path)
        except (sqlite3.Error, StartError):
            connection.close()
            raise
    except sqlite3.Error as error:
        extended = getattr(error, "sqlite_errorcode", 0)
        why = _START_ERRORS.get(extended) or _START_ERRORS.get(_code(error))
        unexpected = f"{path} cannot be used: {error}."
        raise StartError(f"{path} {why}" if why else unexpected) from error
    return connection


def refusal(error: sqlite3.Error) -> Refusal:
    """Return what a client is answered to its call in which *error* was raised."""
    code = _code(error)
    if code == sqlite3.SQLITE_FULL:
        return ResourceExhausted("The disk of the local Firestore is full.")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DataLoss("The data file of the local Firestore is damaged.")
    return InternalServerError(f"The local Firestore cannot use its data file: {error}.")


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    # In this mode the lock of the first transaction stays until the connection is closed.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    connection.execute("COMMIT")
    if tables and application_id != _APPLICATION_ID:
        raise StartError(f"{path} {_NOT_OURS}")
    if version > _VERSION:
        raise StartError(
            f"{path} was written by a newer version of this server: use that one, or choose"
            " another file with --data."
        )
    [(found,)] = connection.execute("PRAGMA quick_check(1)")
    if found != "ok":
        raise StartError(f"{path} {_DAMAGED}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if not tables:
        marks = f"PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_VERSION};"
        connection.executescript(f"BEGIN; {_TABLES} {marks} COMMIT;")


def _code(error: sqlite3.Error) -> int:
    """Return the primary code of SQLite, 0 if the error is not of SQLite itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
