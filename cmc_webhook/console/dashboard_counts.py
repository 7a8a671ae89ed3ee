"""
The numbers of the overview.

Fewer than MOST mails of a period are read and counted here. If there are more, Firestore counts,
which reads no document, and what it cannot count is taken of the newest MOST.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from cmc_webhook.console.meanings import CAUSES, STATUSES
from cmc_webhook.console.periods import Period, buckets
from cmc_webhook.reading.statuses import Filters, MailStatuses
from cmc_webhook.status.events import Status

MOST = 5_000
FAILURES = (Status.FAILED.value, Status.BOUNCED.value)
_MOST_DOMAINS = 10
_FIELDS = (
    *("status", "status_at", "to_domain", "bounce_cause", "server_composition"),
    *("queued_at", "succeeded_at"),
)

Counts = Mapping[str, int]
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the overview shows. *partial*: domains and median are of the newest MOST alone."""

    statuses: Counts
    series: Sequence[tuple[Period, Counts]]
    causes: Counts
    domains: Counts
    compositions: Sequence[str]
    open_deferrals: int
    median: timedelta | None
    partial: bool
    documents_read: int
    counts_asked: int

    @property
    def total(self) -> int:
        """How many mails there are in the period."""
        return sum(self.statuses.values())


def figures(held: MailStatuses, filters: Filters, period: Period, zone: ZoneInfo) -> Figures:
    """Return the figures of the mails that *filters* choose; *period* is theirs."""
    counter = _Counter(held)
    mails = [mail.fields for mail in held.newest(filters, MOST, _FIELDS)]
    partial = len(mails) == MOST
    pieces = buckets(period, zone)
    open_filters = Filters(statuses=(Status.DEFERRED,), composition=filters.composition)
    [open_deferrals] = counter.counts([open_filters])
    if partial:
        statuses = counter.by("statuses", filters, STATUSES, lambda word: (word,))
        causes = counter.by("cause", filters, CAUSES, str)
        series = counter.series(filters, statuses, pieces)
    else:
        statuses = _tally(mails, "status", STATUSES)
        causes = _tally(mails, "bounce_cause", CAUSES)
        series = _series(mails, pieces)
    return Figures(
        statuses=statuses,
        series=series,
        causes=dict(sorted(causes.items(), key=lambda item: -item[1])),
        domains=_failing_domains(mails),
        compositions=sorted({mail.get("server_composition", "") for mail in mails} - {""}),
        open_deferrals=open_deferrals,
        median=_median(mails),
        partial=partial,
        documents_read=len(mails),
        counts_asked=counter.asked,
    )


class _Counter:
    """Lets Firestore count, and remembers how often."""

    def __init__(self, held: MailStatuses) -> None:
        self._held = held
        self.asked = 0

    def counts(self, each: Sequence[Filters]) -> list[int]:
        self.asked += len(each)
        return self._held.counts(each)

    def by(
        self, name: str, filters: Filters, words: Iterable[str], value: Callable[[str], Any]
    ) -> dict[str, int]:
        """Return how many mails there are for each word that has any."""
        words = list(words)
        found = self.counts([replace(filters, **{name: value(word)}) for word in words])
        return {word: count for word, count in zip(words, found, strict=True) if count}

    def series(
        self, filters: Filters, words: Iterable[str], pieces: Sequence[Period]
    ) -> list[tuple[Period, Counts]]:
        words = list(words)
        each = [(piece, word) for piece in pieces for word in words]
        found = self.counts(
            [replace(filters, statuses=(w,), since=p.since, until=p.until) for p, w in each]
        )
        counts: dict[Period, dict[str, int]] = {piece: {} for piece in pieces}
        for (piece, word), count in zip(each, found, strict=True):
            counts[piece][word] = count
        return list(counts.items())


def _tally(mails: Iterable[Fields], field: str, order: Iterable[str]) -> dict[str, int]:
    found = Counter(mail[field] for mail in mails if mail.get(field))
    return {word: found[word] for word in dict.fromkeys([*order, *found]) if found[word]}


def _series(mails: Iterable[Fields], pieces: Sequence[Period]) -> list[tuple[Period, Counts]]:
    counts: list[Counter[str]] = [Counter() for _ in pieces]
    for mail in mails:
        counts[_place(mail["status_at"], pieces)][mail.get("status", "")] += 1
    return list(zip(pieces, counts, strict=True))


def _place(at: datetime, pieces: Sequence[Period]) -> int:
    return next(number for number, piece in enumerate(pieces) if at < piece.until)


def _failing_domains(mails: Iterable[Fields]) -> dict[str, int]:
    failed = Counter(
        mail["to_domain"]
        for mail in mails
        if mail.get("status") in FAILURES and mail.get("to_domain")
    )
    return dict(failed.most_common(_MOST_DOMAINS))


def _median(mails: Iterable[Fields]) -> timedelta | None:
    took = [
        (mail["succeeded_at"] - mail["queued_at"]).total_seconds()
        for mail in mails
        if mail.get("succeeded_at") and mail.get("queued_at")
    ]
    return timedelta(seconds=median(took)) if took else None
