"""
How a mailing went: its numbers, those of its parts, and why it failed.

A mailing is what filters choose: days of queueing, a subject, a receiver, a domain, or the
beginning of the X-Api-Data. Firestore counts. What it cannot group is taken from a part of the
mails: subjects of a sample, replies of the newest failures.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, NamedTuple

from cmc_webhook.reading.counts import COLUMNS, MailCounts, Numbers, cell
from cmc_webhook.reading.spreadsheets import BOM, csv_line, safe_cell
from cmc_webhook.reading.statuses import Filters, MailStatuses
from cmc_webhook.reading.texts import Texts
from cmc_webhook.status.diagnosis import Receiver, receiver_of

# Documents that are read: for subjects, and twice for replies, those of failures and late bounces.
SAMPLE = 1_000
_MOST_SUBJECTS = 20
_MOST_REPLIES = 20
_OF_REPLIES = (
    *("reason", "bounce_code", "bounce_cause", "bounce_class", "diagnosis", "to_domain"),
    *("status", "status_at", "from"),
)
_ADDRESS = re.compile(r"<?[^\s<>:;,()\[\]]+@[^\s<>:;,()\[\]]+>?")
# What has a digit, but for codes of SMTP.
_NUMBER = re.compile(
    r"(?<![\w.])(?![245]\d\d(?![\w.])|[245]\.\d{1,3}\.\d{1,3}(?![\w.]))[\w.]*\d[\w.:/-]*"
)


class Row(NamedTuple):
    """The numbers of a part; *filters* choose it, None for what no filters choose."""

    label: str
    filters: Filters | None
    numbers: Numbers


class Reply(NamedTuple):
    """How many *mails* failed with the reply *folded*; *newest* are the fields of one of them."""

    receiver: Receiver | None
    folded: str
    mails: int
    newest: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """
    How a mailing went; *tables* has the rows of each kind of part, rows without filters last.

    *sampled*: of how many mails the subjects are; *failures*: of how many the replies are.
    """

    total: Numbers
    tables: Mapping[str, Sequence[Row]]
    replies: Sequence[Reply]
    sampled: int
    failures: int
    count_queries: int


def days_until(last: date, count: int) -> tuple[str, ...]:
    """Return *count* days up to *last*, the latest first, as documents have them."""
    return tuple((last - timedelta(days=n)).isoformat() for n in range(count))


def mailing(mails: MailStatuses, filters: Filters) -> Mailing:
    """Return how the mailing of *filters* went."""
    counts = MailCounts(mails)
    sampled = []
    if len(filters.days) == 1 and not filters.subject:
        sampled = [mail.fields for mail in mails.sample(filters, SAMPLE, ["subject"])]
    tables = {kind: _rows(counts, each) for kind, each in _parts(filters, sampled)}
    if "day" in tables:
        total = _sum(row.numbers for row in tables["day"])
    else:
        [total] = counts.numbers([filters])
        tables = {kind: [*rows, _rest(total, rows)] for kind, rows in tables.items()}
    # Of all mails of several days the replies say little.
    is_overview = "day" in tables and filters == Filters(days=filters.days)
    failures = [] if is_overview else _failures(mails, filters)
    return Mailing(
        total=total,
        tables=tables,
        replies=_replies(failures),
        sampled=len(sampled),
        failures=len(failures),
        count_queries=counts.queries,
    )


def _parts(
    filters: Filters, sampled: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Filters]]]:
    """Yield each kind of part, and the filters of each part by its label."""
    if len(filters.days) > 1:
        yield "day", {day: replace(filters, days=(day,)) for day in filters.days}
        return
    if sampled:
        found = Counter(filter(None, (fields.get("subject") for fields in sampled)))
        subjects = [each for each, count in found.most_common(_MOST_SUBJECTS) if count > 1]
        yield "subject", {each: replace(filters, subject=each) for each in subjects}
    if not (filters.receiver or (filters.search and filters.search.whole)):
        yield "receiver", {each: replace(filters, receiver=each) for each in Receiver}


def label(kind: str, row: Row, texts: Texts) -> str:
    """Return what *row* of the table *kind* is called."""
    return texts.name(kind, row.label) if row.filters else texts.text(f"statistics.rest_{kind}")


def csv_lines(found: Mailing, texts: Texts) -> Iterator[str]:
    """Yield the numbers as the lines of a CSV."""
    names = (texts.text(f"numbers.{column}") for column in COLUMNS)
    yield BOM + csv_line([texts.text("statistics.kind"), texts.text("statistics.part"), *names])
    yield _csv_row(texts.text("statistics.total"), "", found.total)
    for kind, rows in found.tables.items():
        for row in rows:
            name = texts.text(f"statistics.by_{kind}")
            yield _csv_row(name, label(kind, row, texts), row.numbers)


def _csv_row(kind: str, part: str, numbers: Numbers) -> str:
    return csv_line([kind, safe_cell(part), *map(cell, numbers.columns().values())])


def fold(reply: str) -> str:
    """Return *reply* with one mark for each address and each number but codes of SMTP."""
    return _NUMBER.sub("#", _ADDRESS.sub("<@>", " ".join(reply.split())))


def _rows(counts: MailCounts, parts: Mapping[str, Filters]) -> list[Row]:
    numbers = counts.numbers([*parts.values()])
    return [Row(*part, each) for part, each in zip(parts.items(), numbers, strict=True)]


def _sum(numbers: Iterable[Numbers]) -> Numbers:
    return Numbers(*map(sum, zip(*numbers, strict=True)))


def _rest(total: Numbers, rows: Sequence[Row]) -> Row:
    of_rows = _sum([Numbers(), *(row.numbers for row in rows)])
    return Row("", None, Numbers(*(a - b for a, b in zip(total, of_rows, strict=True))))


def _failures(mails: MailStatuses, filters: Filters) -> list[Mapping[str, Any]]:
    each = (replace(filters, outcomes=("failed",)), replace(filters, late=True))
    return [mail.fields for one in each for mail in mails.newest(one, SAMPLE, _OF_REPLIES)]


def _replies(failures: Iterable[Mapping[str, Any]]) -> list[Reply]:
    groups: dict[tuple[Receiver | None, str, str], list[Mapping[str, Any]]] = {}
    for fields in failures:
        receiver = receiver_of(fields.get("to_domain", ""))
        word = fields.get("diagnosis") or fields.get("bounce_cause", "")
        group = receiver, fold(fields.get("reason", "")), word
        groups.setdefault(group, []).append(fields)
    largest = sorted(groups.items(), key=lambda item: -len(item[1]))[:_MOST_REPLIES]
    return [Reply(*group[:2], len(found), found[0]) for group, found in largest]
