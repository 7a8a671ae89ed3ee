"""How many mails there are by status, cause and time. Firestore counts; no document is read."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from cmc_webhook.reading.statuses import Filters, MailStatuses
from cmc_webhook.reading.times import Period

Counts = dict[str, int]
# The values of `outcome` but "open".
OUTCOMES = ("succeeded", "failed", "suppressed")
# From this share on a rate is marked, in percent.
_THRESHOLDS = (10, 5)


class Numbers(NamedTuple):
    """Counts of mails, under the names of CMC's statistics.

    A mail that bounced after it had succeeded is *late*, and succeeded too: CMC counts no
    bounce that comes after a success (documented).
    """

    received: int = 0
    succeeded: int = 0
    failed: int = 0
    suppressed: int = 0
    late: int = 0

    def columns(self) -> dict[str, int | float | None]:
        """Return these and what follows from them, in the order in which all views show them.

        The error rate is that of CMC's statistics (documented), the undelivered rate has
        the late ones too. A rate without any result is None.
        """
        valid, results = self.received - self.suppressed, self.succeeded + self.failed
        rates = [n / results if results else None for n in (self.failed, self.failed + self.late)]
        return {
            **dict(zip(self._fields[:4], self, strict=False)),
            "valid": valid,
            "open": valid - results,
            "late": self.late,
            **dict(zip(RATES, rates, strict=True)),
        }


RATES = ("error_rate", "undelivered_rate")
COLUMNS = tuple(Numbers().columns())


def cell(value: float | None, separator: str = "") -> str:
    """Return a count with *separator* in its thousands, a rate in percent, "" for None."""
    if value is None:
        return ""
    return f"{value:{separator}}" if isinstance(value, int) else f"{value:.2%}"


def threshold(rate: float | None) -> int:
    """Return which threshold *rate* reaches, in percent; 0 for none."""
    return next((each for each in _THRESHOLDS if rate and rate * 100 >= each), 0)


class MailCounts:
    """Count queries over *mails*; *queries* is how many were sent so far."""

    def __init__(self, mails: MailStatuses) -> None:
        self._mails = mails
        self.queries = 0

    def count(self, each: Iterable[Filters]) -> list[int]:
        counts = self._mails.counts(each)
        self.queries += len(counts)
        return counts

    def numbers(self, each: Sequence[Filters]) -> list[Numbers]:
        """Return the Numbers of the mails that each of the filters chooses."""
        received = self.count(each)
        parts: list[dict[str, Any]] = [*({"outcomes": (o,)} for o in OUTCOMES), {"late": True}]
        some = [filters for filters, count in zip(each, received, strict=True) if count]
        counts = iter(self.count(replace(filters, **part) for filters in some for part in parts))
        return [Numbers(n, *(next(counts) for _ in parts)) if n else Numbers() for n in received]

    def by(self, name: str, words: Sequence[str], filters: Filters) -> Counts:
        """Return the count of each of *words* that any mail has, as the filter *name*."""
        parts: list[dict[str, Any]] = [{name: (word,)} for word in words]
        counts = self.count(replace(filters, **part) for part in parts)
        return {word: count for word, count in zip(words, counts, strict=True) if count}

    def over_time(
        self, filters: Filters, periods: Sequence[Period], statuses: Collection[str]
    ) -> list[Counts]:
        """Return for each period the count of each of *statuses* that any mail has."""
        within = [replace(filters, since=period.since, until=period.until) for period in periods]
        totals = self.count(within) if statuses else []
        each = [(n, word) for n, total in enumerate(totals) if total for word in statuses]
        counts = self.count(replace(within[n], statuses=(word,)) for n, word in each)
        found: list[Counts] = [{} for _ in periods]
        for (n, word), count in zip(each, counts, strict=True):
            if count:
                found[n][word] = count
        return found
