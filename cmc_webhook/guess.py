"""
What this instance believes Firestore holds, so that a post need not ask first.

A belief saves a read and decides nothing: a write goes out under the condition that it is true.
"""

import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from cmc_webhook.events import Status, StatusEvent
from cmc_webhook.rpc import Held

# Of a function's memory, for some thirty thousand mails.
_MOST_BYTES = 32 * 1024 * 1024
# What an entry takes besides its bytes, about.
_OVERHEAD = 400
# How long "nothing new" may rest on a belief, which no write would put to the test: somebody
# may have deleted the document.
_TRUSTED_S = 60.0


@dataclass(frozen=True, slots=True)
class Guess:
    """A believed document, None for none; *trusted* if it was confirmed a moment ago."""

    held: Held | None
    trusted: bool


class Guesses:
    """
    The documents last read or written, the oldest forgotten first. Thread-safe.

    They are kept pickled: small, of a known size, and changed by nobody who recalls them.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._lock = threading.Lock()
        self._room = most_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def recall(self, document_id: str, events: Iterable[StatusEvent]) -> Guess | None:
        """Return the belief about a document for which there are *events*, None for no belief."""
        with self._lock:
            entry = self._entries.get(document_id)
        if entry:
            held = Held(pickle.loads(entry.fields), entry.update_time)
            return Guess(held, time.monotonic() - entry.asked_at < _TRUSTED_S)
        # CMC takes a mail in before anything else happens to it.
        if any(event.status is Status.QUEUED for event in events):
            return Guess(None, trusted=False)
        return None

    def confirm(self, document_id: str, held: Held, asked_at: float) -> None:
        """Believe *held*, which was true at *asked_at* of time.monotonic() or later."""
        try:
            entry = _Entry(pickle.dumps(held.fields), held.update_time, asked_at)
        except pickle.PicklingError:  # a kind of value that only others write
            return self.forget(document_id)
        with self._lock:
            known = self._entries.get(document_id)
            if known and known.update_time > entry.update_time:
                return None
            self._drop(document_id)
            self._entries[document_id] = entry
            self._room -= entry.size()
            while self._room < 0:
                self._drop(next(iter(self._entries)))
        return None

    def forget(self, document_id: str) -> None:
        """Believe nothing: the document is gone, or nobody knows what became of a write."""
        with self._lock:
            self._drop(document_id)

    def _drop(self, document_id: str) -> None:
        entry = self._entries.pop(document_id, None)
        if entry:
            self._room += entry.size()


@dataclass(frozen=True, slots=True)
class _Entry:
    fields: bytes
    update_time: int
    asked_at: float

    def size(self) -> int:
        return len(self.fields) + _OVERHEAD
