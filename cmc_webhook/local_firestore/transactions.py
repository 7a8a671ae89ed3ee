"""
The transactions of the clients: what each has read, and whether that is still so when it commits.

Optimistic, as a lock that a client forgets would hurt everybody: nothing is locked by a first
attempt. A commit asks all its transaction's questions once more, inside the write, and is
ABORTED if an answer differs; that alone makes it serialisable. Every transaction sees one state:
the latest in which all that it has read before is still true.

The client retries five times without pause, so those who retry stand in line and have their turn
one after the other. A write that would change what the transaction at its turn has read waits for
it, for some seconds at most. So a second attempt succeeds, unless its client dawdles.
"""

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from cmc_webhook.local_firestore.errors import Aborted, InvalidArgument
from cmc_webhook.local_firestore.messages import Message
from cmc_webhook.local_firestore.repeatable_reads import Answer, Question
from cmc_webhook.local_firestore.storage import Reader, Snapshot, Storage, Writer

T = TypeVar("T")

# Firestore ends a transaction after 60 seconds without a call, and after 270 in all.
_IDLE_US = 60_000_000
_LIFE_US = 270_000_000
# How long others wait for a transaction at its turn that does nothing, and for turns in all.
_TURN_US = 5_000_000
_PATIENCE_S = 15.0
_POLL_S = 0.1


class _NotYet(Exception):
    """The write would disturb the transaction that has its turn."""


class _Transaction:
    def __init__(self, database: str, snapshot: Snapshot, *, read_only: bool) -> None:
        self.database = database
        self.read_only = read_only
        self.snapshot = snapshot
        self.began_us = self.used_us = snapshot.time_us
        self._seen: list[tuple[Question, object]] = []

    def ask(self, question: Question, latest: Reader) -> tuple[Answer, int]:
        if not self.read_only and self.still_sees(latest):
            self.snapshot = latest.snapshot()
        answer = question(latest.at(self.snapshot))
        if not self.read_only:
            self._seen.append((question, _versions(answer)))
        return answer, self.snapshot.time_us

    def still_sees(self, latest: Reader) -> bool:
        return all(_versions(question(latest)) == versions for question, versions in self._seen)

    def has_expired(self, now_us: int) -> bool:
        return now_us > min(self.used_us + _IDLE_US, self.began_us + _LIFE_US)


class Transactions:
    """All open transactions, and the writes of everybody. Thread-safe."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._open: dict[bytes, _Transaction] = {}
        self._line: deque[_Transaction] = deque()
        # Guards everything above; taken before the lock of the storage.
        self._changed = threading.Condition()

    def begin(self, database: str, options: Message) -> bytes:
        """Return the id of a new transaction; a retry waits for its turn first."""
        transaction_id = uuid.uuid4().bytes
        with self._changed:
            self._forget_expired()
            with self._storage.reading() as latest:
                snapshot = latest.snapshot()
            mine = _Transaction(database, snapshot, read_only=options.HasField("read_only"))
            self._open[transaction_id] = mine
            if options.read_write.retry_transaction:
                if options.read_write.retry_transaction in self._open:
                    self._end(options.read_write.retry_transaction)
                self._stand_in_line(mine)
        return transaction_id

    def ask(self, transaction_id: bytes, database: str, question: Question) -> tuple[Answer, int]:
        """
        Return the answer and the time of which it is true.

        With no id it is of now, else of the state that the transaction sees.
        """
        if not transaction_id:
            with self._storage.reading() as latest:
                return question(latest), latest.time_us
        with self._changed:
            mine = self._use(transaction_id, database)
            with self._storage.reading() as latest:
                return mine.ask(question, latest)

    def commit(self, transaction_id: bytes, database: str, write: Callable[[Writer], T]) -> T:
        """
        Return what *write* does, in the transaction if there is an id.

        It may be called several times; only what the last call wrote is kept. If it raises
        a Refusal, nothing is written and the transaction stays open.
        """
        patient_until = time.monotonic() + _PATIENCE_S
        with self._changed:
            while True:
                mine = self._use(transaction_id, database) if transaction_id else None
                try:
                    result = self._try(mine, write, heedless=time.monotonic() > patient_until)
                except _NotYet:
                    self._changed.wait(_POLL_S)
                    continue
                self._end(transaction_id)
                return result

    def check_writable(self, transaction_id: bytes, database: str) -> None:
        """Raise InvalidArgument if the transaction is read-only."""
        with self._changed:
            if self._use(transaction_id, database).read_only:
                raise InvalidArgument("Cannot modify entities in a read-only transaction.")

    def rollback(self, transaction_id: bytes, database: str) -> None:
        """End the transaction without a trace."""
        with self._changed:
            self._use(transaction_id, database)
            self._end(transaction_id)

    def _try(self, mine: _Transaction | None, write: Callable[[Writer], T], *, heedless: bool) -> T:
        with self._storage.writing() as writer:
            if mine and not mine.still_sees(writer):
                self._leave_line(mine)
                raise Aborted("Too much contention on these documents. Please try again.")
            result = write(writer)
            first = None if heedless else self._first_in_line(writer.time_us)
            if first and first is not mine and not first.still_sees(writer):
                raise _NotYet
            return result

    def _use(self, transaction_id: bytes, database: str) -> _Transaction:
        self._forget_expired()
        found = self._open.get(transaction_id)
        if found is None or found.database != database:
            raise InvalidArgument("The referenced transaction has expired or is no longer valid.")
        found.used_us = self._storage.now_us()
        return found

    def _end(self, transaction_id: bytes) -> None:
        if transaction_id:
            self._leave_line(self._open.pop(transaction_id))

    def _forget_expired(self) -> None:
        now_us = self._storage.now_us()
        for transaction_id, each in list(self._open.items()):
            if each.has_expired(now_us):
                self._end(transaction_id)

    def _stand_in_line(self, mine: _Transaction) -> None:
        self._line.append(mine)
        while self._first_in_line(mine.used_us) is not mine:
            self._changed.wait(_POLL_S)
            # Who waits does not dawdle.
            mine.used_us = self._storage.now_us()

    def _leave_line(self, mine: _Transaction) -> None:
        if mine in self._line:
            self._line.remove(mine)
            self._changed.notify_all()

    def _first_in_line(self, now_us: int) -> _Transaction | None:
        """Return whose turn it is, once those who let theirs pass are gone."""
        while self._line and now_us > self._line[0].used_us + _TURN_US:
            self._line.popleft()
        return self._line[0] if self._line else None


def _versions(answer: Answer) -> object:
    """Return what is equal for two answers that tell a client the same."""
    documents = [(each.name, each.update_time.ToMicroseconds()) for each in answer.documents]
    return documents, answer.skipped, answer.found
