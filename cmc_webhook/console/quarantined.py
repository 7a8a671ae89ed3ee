"""The number in the menu: how many entries both quarantines hold, counted seldom."""

import threading
import time
from collections.abc import Callable, Sequence

from flask import g

from cmc_webhook.reading.quarantine import Quarantine

# Firestore counts so far for one read; beyond, the exact number matters to nobody.
MOST = 1_000
# A count is kept so many times as long as an open page waits between two looks.
_LOOKS = 4


class Quarantined:
    """
    The number of entries in *quarantines*, at most MOST of each. Thread-safe.

    Open pages ask for it when they look for changes, every *refresh_s* seconds.
    """

    def __init__(
        self,
        quarantines: Sequence[Quarantine],
        refresh_s: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quarantines = quarantines
        self._kept_s = _LOOKS * refresh_s
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: list[int] = []
        self._until = 0.0

    def text(self) -> str:
        """Return the number as the menu shows it, "" for none."""
        with self._lock:
            if not self._counts or self._clock() >= self._until:
                self._counts = [each.count_up_to(MOST) for each in self._quarantines]
                self._until = self._clock() + self._kept_s
                g.count_queries = g.get("count_queries", 0) + len(self._counts)
            counts = self._counts
        number = f"{sum(counts):,}" if any(counts) else ""
        return f"{number}+" if MOST in counts else number

    def forget(self) -> None:
        """Count again at the next question: something was changed."""
        with self._lock:
            self._counts = []
