"""In-memory cache of recently written documents; saves a read before each write."""

import pickle
import threading
import time
from collections import OrderedDict
from typing import NamedTuple

from cmc_webhook.database import Held

# Room for about thirty thousand mails.
_MOST_BYTES = 32 * 1024 * 1024
# Approximate memory of an entry besides its pickle.
_OVERHEAD = 400
# A cached "nothing new" is followed by no write that would expose a stale entry, so trust it only
# this long: somebody may have deleted the document.
_TRUSTED_S = 60.0


class Cached(NamedTuple):
    """A document as last seen; *trusted* if that was less than a minute ago."""

    held: Held
    trusted: bool


class Cache:
    """
    The documents last read or written, by resource name, least recent first. Thread-safe.

    They are kept pickled: compact, of a known size, and isolated from their users.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._lock = threading.Lock()
        self._room = most_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def get(self, name: str) -> Cached | None:
        """Return the document as last seen, or None if it is not cached."""
        with self._lock:
            entry = self._entries.get(name)
        if entry is None:
            return None
        held = Held(pickle.loads(entry.fields), entry.update_time)
        return Cached(held, time.monotonic() - entry.asked_at < _TRUSTED_S)

    def put(self, name: str, held: Held, asked_at: float) -> None:
        """
        Cache *held*, which Firestore had at *asked_at* (time.monotonic()) or later.

        Of two versions of a document the later ``update_time`` stays.
        """
        try:
            entry = _Entry(pickle.dumps(held.fields), held.update_time, asked_at)
        except pickle.PicklingError:  # a type of value that only other writers use
            return self.drop(name)
        with self._lock:
            known = self._entries.get(name)
            if known and known.update_time > entry.update_time:
                return None
            self._drop(name)
            self._entries[name] = entry
            self._room -= entry.size()
            while self._room < 0:
                self._drop(next(iter(self._entries)))
        return None

    def drop(self, name: str) -> None:
        """Drop the entry: the document was deleted, or the outcome of a write is unknown."""
        with self._lock:
            self._drop(name)

    def _drop(self, name: str) -> None:
        entry = self._entries.pop(name, None)
        if entry:
            self._room += entry.size()


class _Entry(NamedTuple):
    fields: bytes
    update_time: int
    asked_at: float

    def size(self) -> int:
        return len(self.fields) + _OVERHEAD
