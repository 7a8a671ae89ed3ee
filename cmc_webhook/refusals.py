"""Tells a wrong key in CMC from a stranger's posts: only refusals, and nothing accepted. Pure."""

from collections import deque

WINDOW_S = 600.0
FEWEST = 5


class Refusals:
    """Counts the posts of one instance that lack an accepted credential. Not thread-safe.

    *now* is a clock in seconds that never goes back.
    """

    def __init__(self) -> None:
        self._latest: deque[float] = deque(maxlen=FEWEST)
        self._count = 0
        self._quiet_until = float("-inf")

    def accept(self, now: float) -> None:
        """Note an accepted post."""
        self._latest.clear()
        self._count = 0
        self._quiet_until = now + WINDOW_S

    def refuse(self, now: float) -> int:
        """Note a refused post, and return for how many of them somebody should look.

        0 unless FEWEST were refused and none accepted within WINDOW_S; then 0 for as long.
        """
        self._latest.append(now)
        self._count += 1
        if self._count < FEWEST or now - self._latest[0] > WINDOW_S or now < self._quiet_until:
            return 0
        self._quiet_until = now + WINDOW_S
        return self._count
