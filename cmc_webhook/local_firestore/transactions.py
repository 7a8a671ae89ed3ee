"""The transactions of the clients, with optimistic concurrency control.

A transaction remembers its reads. A commit runs them again inside the write and is ABORTED if a
result differs, which makes transactions serializable. All reads of a transaction see one snapshot:
the latest in which the results of its earlier reads are unchanged. Nothing is locked on a first
attempt, because a client that forgets its lock would block all others.

Clients retry five times without a pause. Therefore retries take turns, the oldest first, and all
other writes wait meanwhile. So a second attempt succeeds unless its client is slow.
"""

import threading
import uuid
from collections.abc import Callable
from typing import TypeAlias

from google.api_core.exceptions import Aborted, InvalidArgument

from cmc_webhook.local_firestore.messages import Message
from cmc_webhook.local_firestore.storage import ReadResult, Storage, StorageReader, StorageWriter

# It can be run again, to see whether its result is still the same.
Read: TypeAlias = Callable[[StorageReader], ReadResult]
Write: TypeAlias = Callable[[StorageWriter], Message]

# Firestore ends a transaction after 60 seconds without a call, and after 270 in all.
_IDLE_US = 60_000_000
_LIFETIME_US = 270_000_000
# A transaction that has its turn and is idle for so long loses it.
_TURN_US = 5_000_000
_POLL_S = 0.1


class _Transaction:
    def __init__(self, database: str, snapshot: StorageReader, options: Message) -> None:
        self.database = database
        self.read_only = options.HasField("read_only")
        self.takes_turn = bool(options.read_write.retry_transaction)
        self.snapshot = snapshot
        self.began_us = self.used_us = snapshot.time_us
        self._reads: list[tuple[Read, ReadResult]] = []

    def run(self, read: Read, latest: StorageReader) -> tuple[ReadResult, int]:
        if not self.read_only and self.is_current(latest):
            self.snapshot = latest
        result = read(self.snapshot)
        if not self.read_only:
            self._reads.append((read, result))
        return result, self.snapshot.time_us

    def is_current(self, latest: StorageReader) -> bool:
        """Whether all reads still have the same results."""
        # A document that was written since is another object.
        return all(read(latest) == result for read, result in self._reads)

    def has_expired(self, now_us: int) -> bool:
        return now_us > min(self.used_us + _IDLE_US, self.began_us + _LIFETIME_US)


class Transactions:
    """All open transactions; every write goes through here. Thread-safe. The empty id is none."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._open: dict[bytes, _Transaction] = {}
        # Guards them; acquired before the lock of the storage.
        self._changed = threading.Condition()

    def begin(self, database: str, options: Message) -> bytes:
        """Return the id of a new transaction; a retry waits for its turn first."""
        transaction_id = uuid.uuid4().bytes
        with self._changed:
            self._end_expired()
            new = _Transaction(database, self._storage.latest(), options)
            self._open[transaction_id] = new
            if new.takes_turn:
                self._end(options.read_write.retry_transaction)
                self._wait_for_turn(new)
        return transaction_id

    def run(self, transaction_id: bytes, database: str, read: Read) -> tuple[ReadResult, int]:
        """Return the result of *read* and its read time in microseconds."""
        if not transaction_id:
            latest = self._storage.latest()
            return read(latest), latest.time_us
        with self._changed:
            return self._use(transaction_id, database).run(read, self._storage.latest())

    def commit(self, transaction_id: bytes, database: str, write: Write) -> Message:
        """Return the result of *write*, which is committed; a Refusal changes nothing."""
        with self._changed:
            transaction = self._use(transaction_id, database) if transaction_id else None
            self._wait_for_turn(transaction)
            with self._storage.writing() as writer:
                if transaction and not transaction.is_current(writer):
                    transaction.takes_turn = False
                    raise Aborted("Too much contention on these documents. Please try again.")
                result = write(writer)
            self._end(transaction_id)
            return result

    def check_writable(self, transaction_id: bytes, database: str) -> None:
        with self._changed:
            if self._use(transaction_id, database).read_only:
                raise InvalidArgument("Cannot modify entities in a read-only transaction.")

    def rollback(self, transaction_id: bytes, database: str) -> None:
        with self._changed:
            self._use(transaction_id, database)
            self._end(transaction_id)

    def _use(self, transaction_id: bytes, database: str) -> _Transaction:
        self._end_expired()
        found = self._open.get(transaction_id)
        if found is None or found.database != database:
            raise InvalidArgument("The referenced transaction has expired or is no longer valid.")
        found.used_us = self._storage.latest().time_us
        return found

    def _end(self, transaction_id: bytes) -> None:
        self._open.pop(transaction_id, None)
        self._changed.notify_all()

    def _end_expired(self) -> None:
        now_us = self._storage.latest().time_us
        self._open = {key: e for key, e in self._open.items() if not e.has_expired(now_us)}

    def _wait_for_turn(self, transaction: _Transaction | None) -> None:
        """Wait until no other transaction has its turn."""
        while self._whose_turn() not in (None, transaction):
            self._changed.wait(_POLL_S)
            if transaction:  # waiting does not count as idle time
                transaction.used_us = self._storage.latest().time_us

    def _whose_turn(self) -> _Transaction | None:
        """Return the oldest retry that is not idle."""
        since_us = self._storage.latest().time_us - _TURN_US
        waiting = (each for each in self._open.values() if each.takes_turn)
        return next((each for each in waiting if each.used_us >= since_us), None)
