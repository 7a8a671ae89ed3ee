"""How a mailing went: its numbers, those of its parts, and why it failed.

A mailing is what filters choose: days of queueing, a subject, a receiver, a domain, or the
beginning of the X-Api-Data. Firestore counts. What it cannot group is taken from a part of the
mails: subjects of a sample, replies of the newest failures.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, NamedTuple

from cmc_webhook.reading.counts import COLUMNS, MailCounts, Numbers, cell
from cmc_webhook.reading.spreadsheets import BOM, csv_line, safe_cell
from cmc_webhook.reading.statuses import Filters, MailStatuses
from cmc_webhook.reading.texts import Texts
from cmc_webhook.status.diagnosis import Receiver, receiver_of

# Documents that are read: for subjects, and for replies of failures and as many of late bounces.
_SAMPLE = MOST_FAILURES = 1_000
_MOST_SUBJECTS = 20
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
    """The numbers of a part; without *label* those of what is in no other part."""

    label: str
    numbers: Numbers


class Reply(NamedTuple):
    """How many *mails* failed with the reply *folded*; *newest* are the fields of one of them."""

    receiver: Receiver | None
    folded: str
    mails: int
    newest: Mapping[str, Any]


class Mailing(NamedTuple):
    """How a mailing went: the rows of each kind of part; *sampled* mails name the subjects."""

    total: Numbers
    tables: Mapping[str, Sequence[Row]]
    sampled: int
    count_queries: int


def days_until(last: date, count: int) -> tuple[str, ...]:
    """Return *count* days up to *last*, the latest first, as documents have them."""
    return tuple((last - timedelta(days=n)).isoformat() for n in range(count))


def is_without_gap(days: Sequence[str]) -> bool:
    """Return whether *days*, of which the latest is first, follow each other."""
    return tuple(days) == days_until(date.fromisoformat(days[0]), len(days))


def mailing(mails: MailStatuses, filters: Filters) -> Mailing:
    """Return how the mailing of *filters* went."""
    counts = MailCounts(mails)
    sampled = []
    if len(filters.days) == 1 and not filters.subject:
        sampled = [mail.fields for mail in mails.sample(filters, _SAMPLE, ["subject"])]
    tables = {}
    for kind, parts in _parts(filters, sampled):
        numbers = counts.numbers([replace(filters, **part) for part in parts.values()])
        tables[kind] = [Row(*each) for each in zip(parts, numbers, strict=True)]
    if "day" in tables:
        total = _sum(row.numbers for row in tables["day"])
    else:
        [total] = counts.numbers([filters])
        tables = {kind: [*rows, _rest(total, rows)] for kind, rows in tables.items()}
    return Mailing(total, tables, len(sampled), counts.queries)


def replies(mails: MailStatuses, filters: Filters) -> list[Reply]:
    """Return the most frequent replies among the newest MOST_FAILURES, and as many late bounces."""
    groups: dict[tuple[Receiver | None, str, str], list[Mapping[str, Any]]] = {}
    for part in (replace(filters, outcomes=("failed",)), replace(filters, late=True)):
        for mail in mails.newest(part, MOST_FAILURES, _OF_REPLIES):
            fields = mail.fields
            receiver = receiver_of(fields.get("to_domain", ""))
            word = fields.get("diagnosis") or fields.get("bounce_cause", "")
            group = receiver, fold(fields.get("reason", "")), word
            groups.setdefault(group, []).append(fields)
    largest = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [Reply(*group[:2], len(found), found[0]) for group, found in largest]


def label(kind: str, row: Row, texts: Texts) -> str:
    """Return what *row* of the table *kind* is called."""
    return texts.name(kind, row.label) if row.label else texts.text(f"statistics.rest_{kind}")


def csv_lines(found: Mailing, texts: Texts) -> Iterator[str]:
    """Yield the numbers as the lines of a CSV."""
    head = [texts.text("statistics.kind"), texts.text("statistics.part")]
    yield BOM + csv_line([*head, *(texts.text(f"numbers.{column}") for column in COLUMNS)])
    for kind, rows in {"total": [Row("", found.total)], **found.tables}.items():
        name = texts.text(f"statistics.by_{kind}")
        for row in rows:
            cells = map(cell, row.numbers.columns().values())
            yield csv_line([name, safe_cell(label(kind, row, texts)), *cells])


def fold(reply: str) -> str:
    """Return *reply* with one mark for each address and each number but codes of SMTP."""
    return _NUMBER.sub("#", _ADDRESS.sub("<@>", " ".join(reply.split())))


def _parts(
    filters: Filters, sampled: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Mapping[str, Any]]]]:
    """Yield each kind of part, and the filter of each part by its label."""
    if len(filters.days) > 1:
        yield "day", {day: {"days": (day,)} for day in filters.days}
        return
    if sampled:
        found = Counter(filter(None, (fields.get("subject") for fields in sampled)))
        most = found.most_common(_MOST_SUBJECTS)
        yield "subject", {each: {"subject": each} for each, count in most if count > 1}
    if not (filters.receiver or filters.domain or (filters.search and filters.search.whole)):
        yield "receiver", {each: {"receiver": each} for each in Receiver}


def _sum(numbers: Iterable[Numbers]) -> Numbers:
    return Numbers(*map(sum, zip(*numbers, strict=True)))


def _rest(total: Numbers, rows: Sequence[Row]) -> Row:
    of_rows = _sum([Numbers(), *(row.numbers for row in rows)])
    return Row("", Numbers(*(max(0, a - b) for a, b in zip(total, of_rows, strict=True))))
