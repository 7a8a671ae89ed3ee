"""
Whether the addresses of a file may be mailed: the same file with three columns added.

A few addresses are read by the ids of their documents. Of very many, each of which would be a
billed read, only the stopped ones are read, once.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import chain, islice
from typing import IO, NamedTuple
from zoneinfo import ZoneInfo

from cmc_webhook.reading import queries
from cmc_webhook.reading.csv_files import CsvFile, Row
from cmc_webhook.reading.documents import ADDRESS, Document
from cmc_webhook.reading.mail_addresses import MailAddresses, StopFilters
from cmc_webhook.reading.pasted import address
from cmc_webhook.reading.statuses import MailStatuses
from cmc_webhook.reading.stops import last_fact_at
from cmc_webhook.reading.texts import Texts
from cmc_webhook.reading.times import shown
from cmc_webhook.reading.verdicts import Verdict, answer_text, cause_text, end_text, verdict_of
from cmc_webhook.status.addresses import address_id

# From more addresses on, the stopped ones are fewer reads and fewer calls.
MOST_BY_ID = 100_000
# A success is looked for with a query for each stopped address.
MOST_SUCCESSES = 1_000
_PAGE = 2_000
_READERS = 8
NOT_AN_ADDRESS = "not_an_address"


class Answer(NamedTuple):
    """The verdict on an address, and the time of the last fact behind a stop."""

    verdict: Verdict
    last_at: datetime | None


class Source:
    """
    Answers for many addresses at one time; *composition* adds who unsubscribed from it.

    *calls* and *reads* are what Firestore was asked so far, and what it bills. Of *many*
    addresses all stopped ones are read at the first question.
    """

    def __init__(
        self,
        addresses: MailAddresses,
        statuses: MailStatuses,
        now: datetime,
        composition: str | None,
        *,
        many: bool,
    ) -> None:
        self._addresses = addresses
        self._statuses = statuses
        self._now = now
        self.composition = composition
        self.calls = 0
        self.reads = 0
        self.successes = 0
        self._all = {each.id: self._answer(each) for each in self._stopped()} if many else None

    def answers(self, wanted: Collection[str]) -> dict[str, Answer]:
        """Return an answer for each of at most AT_ONCE addresses."""
        ids = {address_id(each): each for each in wanted}
        if self._all is not None:
            found = {name: self._all[name] for name in ids if name in self._all}
        else:
            documents = queries.get_all(self._addresses.collection, ids, ADDRESS) if ids else []
            self._count(1 if ids else 0, len(ids))
            found = {each.id: self._answer(each) for each in documents}
        return {each: found.get(name, Answer(Verdict(), None)) for name, each in ids.items()}

    def later_successes(self, answers: dict[str, Answer]) -> dict[str, datetime]:
        """Return when a stopped address last took a mail, where that was after its last fact."""
        stopped = {to: at for to, (_, at) in answers.items() if at}
        asked = [*islice(stopped, MOST_SUCCESSES - self.successes)]
        self.successes += len(asked)
        self._count(len(asked), len(asked))
        with ThreadPoolExecutor(_READERS) as pool:
            found = zip(asked, pool.map(self._statuses.newest_success, asked), strict=True)
            return {to: at for to, at in found if at and at > stopped[to]}

    def _answer(self, document: Document) -> Answer:
        verdict = verdict_of(document, self._now)
        return Answer(verdict, last_fact_at(document) if verdict.cause else None)

    def _stopped(self) -> Iterator[Document]:
        pages = self._addresses.stopped(StopFilters(since=self._now)).pages(_PAGE)
        if self.composition is not None:
            query = self._addresses.unsubscribed(self.composition)
            pages = chain(pages, queries.all_pages(query, _PAGE, ADDRESS))
        for page in pages:
            self._count(1, len(page))
            yield from page

    def _count(self, calls: int, reads: int) -> None:
        self.calls += calls
        self.reads += reads


def check(
    table: CsvFile, target: IO[bytes], source: Source, texts: Texts, zone: ZoneInfo
) -> Iterator[Counter[str]]:
    """
    Write *table* with its answers to *target*, and yield what became of each part of it.

    A part counts its rows by cause; those that may be mailed have none.
    """
    target.write(table.bom)
    rows = table.records()
    if table.has_header:
        for row in rows:
            heads = [texts.text(f"check.{name}") for name in ("may", "why", "until")]
            target.write(table.widened(row, heads))
            if row.columns:
                break
    while part := [*islice(rows, queries.AT_ONCE)]:
        yield _checked(part, table, target, source, texts, zone)


def _checked(
    rows: Iterable[Row],
    table: CsvFile,
    target: IO[bytes],
    source: Source,
    texts: Texts,
    zone: ZoneInfo,
) -> Counter[str]:
    counts: Counter[str] = Counter()
    wanted = {row.cell: address(row.cell) for row in rows}
    answers = source.answers({each for each in wanted.values() if each})
    successes = source.later_successes(answers)
    for row in rows:
        to = wanted[row.cell]
        if not to:
            cells = [texts.text("verdict.no"), texts.text("check.not_an_address"), ""]
            cause = NOT_AN_ADDRESS
        else:
            verdict, composition = answers[to].verdict, source.composition
            why = cause_text(verdict, texts, composition)
            if at := successes.get(to):
                later = texts.text("check.later_success", time=shown(at, zone, "%Y-%m-%d"))
                why = texts.joined([why, later])
            cells = [answer_text(verdict, texts, composition), why, end_text(verdict, texts, zone)]
            cause = verdict.cause or ("" if verdict.allows(composition) else "unsubscribed")
        counts[cause] += bool(row.columns)
        target.write(table.widened(row, cells))
    return counts
