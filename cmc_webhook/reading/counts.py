"""How many mails there are by status, cause and time. Firestore counts; no document is read."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from cmc_webhook.reading.meanings import CAUSES
from cmc_webhook.reading.statuses import Filters, MailStatuses
from cmc_webhook.reading.times import Period
from cmc_webhook.status.events import Status

Counts = dict[str, int]


class MailCounts:
    """Count queries over *mails*; *queries* is how many were sent so far."""

    def __init__(self, mails: MailStatuses) -> None:
        self._mails = mails
        self.queries = 0

    def count(self, each: Iterable[Filters]) -> list[int]:
        counts = self._mails.counts(each)
        self.queries += len(counts)
        return counts

    def by_status(self, filters: Filters) -> Counts:
        """Return the count of each status that any mail has."""
        return self._by([*map(str, Status)], lambda word: replace(filters, statuses=(word,)))

    def by_cause(self, filters: Filters) -> Counts:
        """Return the count of each bounce cause that any mail has, the most frequent first."""
        found = self._by(sorted(CAUSES), lambda word: replace(filters, causes=(word,)))
        return dict(sorted(found.items(), key=lambda item: -item[1]))

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

    def _by(self, words: Sequence[str], filters: Callable[[str], Filters]) -> Counts:
        counts = self.count(map(filters, words))
        return {word: count for word, count in zip(words, counts, strict=True) if count}
