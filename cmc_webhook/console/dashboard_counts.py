"""The numbers of the dashboard.

Up to MOST mails of a period are read and counted here. If there are more, Firestore counts, which
reads no document, and what it cannot count is taken from the newest MOST.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from cmc_webhook.console.periods import split
from cmc_webhook.reading.counts import Counts, MailCounts
from cmc_webhook.reading.meanings import CAUSES
from cmc_webhook.reading.queries import MOST
from cmc_webhook.reading.statuses import Filters, MailStatuses
from cmc_webhook.reading.times import Period
from cmc_webhook.status.events import Status

FAILURES = (Status.FAILED.value, Status.BOUNCED.value)
_MOST_DOMAINS = 10
_FIELDS = (
    *("status", "status_at", "to_domain", "bounce_cause", "server_composition"),
    *("queued_at", "succeeded_at"),
)

Fields = Mapping[str, Any]


def dashboard_counts(
    mails: MailStatuses, filters: Filters, period: Period, zone: ZoneInfo
) -> dict[str, Any]:
    """Return the numbers of the mails that *filters*, whose period is *period*, choose.

    *over_time* has the hours or days of the period. *unreadable*: how many of the mails that
    were read have fields that are not readable. *partial*: domains, server compositions and
    median are of the newest MOST mails only.
    """
    firestore = MailCounts(mails)
    deferred = Filters(statuses=(Status.DEFERRED,), composition=filters.composition)
    [open_deferrals] = firestore.count([deferred])
    found = mails.newest(filters, MOST, _FIELDS)
    read = [mail.fields for mail in found]
    partial = len(read) == MOST
    pieces = split(period, zone)
    if partial:
        statuses = firestore.by("statuses", [*Status], filters)
        causes = Counter(firestore.by("causes", sorted(CAUSES), filters))
        over_time = firestore.over_time(filters, pieces, statuses)
    else:
        statuses = _by_status(read)
        causes = Counter(_values(read, "bounce_cause"))
        over_time = _over_time(read, pieces)
    failed = (mail for mail in read if mail.get("status") in FAILURES)
    return {
        "statuses": statuses,
        "total": sum(statuses.values()),
        "over_time": list(zip(pieces, over_time, strict=True)),
        "causes": dict(causes.most_common()),
        "domains": dict(Counter(_values(failed, "to_domain")).most_common(_MOST_DOMAINS)),
        "compositions": sorted({*_values(read, "server_composition")}),
        "open_deferrals": open_deferrals,
        "median": _median(read),
        "partial": partial,
        "unreadable": sum(bool(mail.unreadable) for mail in found),
        "documents_read": len(read),
        "count_queries": firestore.queries,
    }


def _values(mails: Iterable[Fields], field: str) -> Iterator[str]:
    return (mail[field] for mail in mails if mail.get(field))


def _by_status(mails: Iterable[Fields]) -> Counts:
    found = Counter(_values(mails, "status"))
    # A word that only another writer can have stored comes last.
    return {word: found[word] for word in dict.fromkeys([*Status, *found]) if found[word]}


def _over_time(mails: Iterable[Fields], periods: Sequence[Period]) -> list[Counts]:
    counts: list[Counts] = [Counter() for _ in periods]
    for mail in mails:
        place = bisect_right(periods, mail["status_at"], key=lambda period: period.until)
        counts[place][mail.get("status", "")] += 1
    return counts


def _median(mails: Iterable[Fields]) -> timedelta | None:
    took = [
        (mail["succeeded_at"] - mail["queued_at"]).total_seconds()
        for mail in mails
        if mail.get("succeeded_at") and mail.get("queued_at")
    ]
    return timedelta(seconds=median(took)) if took else None
