"""The number in the menu: how many entries both quarantines hold, counted seldom."""

import time
from collections.abc import Callable, Sequence

from flask import g

from cmc_webhook.reading.quarantine import Quarantine

# Firestore counts so far for one read; beyond, the exact number matters to nobody.
MOST = 1_000


class Quarantined:
    """The number of entries in *quarantines*, at most MOST of each; it is kept for *kept_s*."""

    def __init__(
        self,
        quarantines: Sequence[Quarantine],
        kept_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quarantines, self._kept_s, self._clock = quarantines, kept_s, clock
        self._text, self._until = "", float("-inf")

    def text(self) -> str:
        """Return the number as the menu shows it, "" for none."""
        if self._clock() >= self._until:
            counts = [each.count(MOST) for each in self._quarantines]
            g.count_queries = g.get("count_queries", 0) + len(counts)
            self._text = f"{sum(counts):,}{'+' * (MOST in counts)}" if any(counts) else ""
            self._until = self._clock() + self._kept_s
        return self._text

    def forget(self) -> None:
        """Count again at the next question: something was changed."""
        self._until = float("-inf")
