"""In-memory cache of recently written documents; saves a read before each write."""

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from cmc_webhook.database import Held
from cmc_webhook.status.history import History

# Room for about 24,000 mails of two events.
_MOST_BYTES = 64 * 1024 * 1024
# Bytes of memory, measured on CPython 3.11 and 3.13: of an entry, of a fact of an address.
_ENTRY, _FACT = 1_300, 450
# A cached "nothing new" is followed by no write that would expose a stale entry, so trust it only
# this long: somebody may have deleted the document.
_TRUSTED_S = 60.0


class Cached(NamedTuple):
    """A document as last seen, at *asked_at* (time.monotonic()) or later."""

    held: Held
    asked_at: float
    size: int

    @property
    def is_trusted(self) -> bool:
        """Whether it was seen less than a minute ago."""
        return time.monotonic() - self.asked_at < _TRUSTED_S


class Cache:
    """Documents by name, least recent first. Nobody may change what it returns. Thread-safe."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._lock = threading.Lock()
        self._room = most_bytes
        self._entries: OrderedDict[str, Cached] = OrderedDict()

    def get(self, name: str) -> Cached | None:
        """Return the document as last seen, or None if it is not cached."""
        return self._entries.get(name)  # one lookup needs no lock

    def put(self, name: str, held: Held, asked_at: float) -> None:
        """Cache *held*, as of *asked_at*; the newest version stays."""
        size = _size(held.fields)
        with self._lock:
            known = self._entries.get(name)
            if known:
                if known.held.update_time > held.update_time:
                    return
                self._drop(name)
            self._entries[name] = Cached(held, asked_at, size)
            self._room -= size
            while self._room < 0:
                self._drop(next(iter(self._entries)))

    def drop(self, name: str) -> None:
        """Drop the entry: the document was deleted, or the outcome of a write is unknown."""
        with self._lock:
            self._drop(name)

    def _drop(self, name: str) -> None:
        entry = self._entries.pop(name, None)
        if entry:
            self._room += entry.size


def _size(fields: Mapping[str, Any]) -> int:
    """Return about how many bytes of memory a document takes."""
    texts = sum([len(value) for value in fields.values() if type(value) is str])
    history = fields.get("events")
    events = history.size if isinstance(history, History) else 0
    facts = [_FACT + 2 * len(fact.get("reason", "")) for fact in fields.get("facts", ())]
    return _ENTRY + 2 * texts + events + sum(facts)
