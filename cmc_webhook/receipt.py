"""What became of a post. Pure."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    What became of the records of a post: how many, and of those in quarantine why.

    A received mail is one record. *lag_s* is the time from the newest event to its
    arrival, in seconds; None for no event.
    """

    stored: int
    unchanged: int
    lag_s: float | None = None
    quarantined: Counter[str] = field(default_factory=Counter)

    def counts(self) -> dict[str, int]:
        """Return the numbers of the answer, the first of which is the sum of the others."""
        quarantined = self.quarantined.total()
        return {
            "received": self.stored + self.unchanged + quarantined,
            "stored": self.stored,
            "unchanged": self.unchanged,
            "quarantined": quarantined,
        }
