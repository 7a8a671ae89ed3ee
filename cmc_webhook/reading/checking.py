"""Whether the addresses of a file may be mailed: the same file with three columns added.

A few addresses are read by the ids of their documents. Of very many, each of which would be a
billed read, only the stopped ones are read, once.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import chain, islice
from typing import IO
from zoneinfo import ZoneInfo

from cmc_webhook.reading import queries
from cmc_webhook.reading.csv_files import CsvFile
from cmc_webhook.reading.documents import ADDRESS, Document
from cmc_webhook.reading.mail_addresses import MailAddresses
from cmc_webhook.reading.pasted import address
from cmc_webhook.reading.statuses import MailStatuses
from cmc_webhook.reading.stops import later_success
from cmc_webhook.reading.texts import Texts
from cmc_webhook.reading.times import shown
from cmc_webhook.reading.verdicts import Verdict, cause_text, end_text, verdict_of
from cmc_webhook.status.addresses import address_id

# Of more addresses, the stopped ones are fewer reads.
MOST_BY_ID = 100_000
# A later success is looked for with a query for each stopped address.
MOST_SUCCESSES = 1_000
_PAGE = 2_000
_READERS = 8


class Source:
    """Verdicts at *now* for mail through *composition*; of *many*, all stopped are read at once."""

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
        self.calls = self.reads = self.successes_asked = 0
        self._all = {each.id: verdict_of(each, now) for each in self._stopped()} if many else None

    def verdicts(self, wanted: Collection[str]) -> dict[str, Verdict]:
        """Return the verdict on each of at most queries.AT_ONCE addresses, in lower case."""
        ids = {address_id(each): each for each in wanted}
        if self._all is None and ids:
            found = self._addresses.get_all([*ids])
            known = {each.id: verdict_of(each, self._now) for each in found}
            self._count(1, len(ids))
        else:
            known = self._all or {}
        return {to: known.get(name, Verdict()) for name, to in ids.items()}

    def later_successes(self, verdicts: Mapping[str, Verdict]) -> dict[str, datetime]:
        """Return when stopped addresses took a mail after the last fact."""
        stopped = [to for to, verdict in verdicts.items() if verdict.last_fact_at]
        asked = stopped[: MOST_SUCCESSES - self.successes_asked]
        self.successes_asked += len(asked)
        self._count(len(asked), len(asked))
        with ThreadPoolExecutor(_READERS) as pool:
            found = pool.map(lambda to: later_success(verdicts[to], to, self._statuses), asked)
            return {to: at for to, at in zip(asked, found, strict=True) if at}

    def _stopped(self) -> Iterator[Document]:
        pages = self._addresses.stopped(self._now).pages(_PAGE)
        if self.composition is not None:
            unsubscribed = self._addresses.unsubscribed(self.composition)
            pages = chain(pages, queries.all_pages(unsubscribed, _PAGE, ADDRESS))
        for page in pages:
            self._count(1, len(page))
            yield from page

    def _count(self, calls: int, reads: int) -> None:
        self.calls += calls
        self.reads += reads


def check(
    table: CsvFile, target: IO[bytes], source: Source, texts: Texts, zone: ZoneInfo
) -> Iterator[Counter[str]]:
    """Write *table* with its answers; yield how many rows have which reason, "" if allowed."""
    target.write(table.bom)
    rows = table.rows()
    if table.has_header:
        header = next(row for row in rows if row.cells)
        heads = ("column.may", "column.reason", "column.until")
        target.write(table.widened(header, [*map(texts.text, heads)]))
    while part := [*islice(rows, queries.AT_ONCE)]:
        wanted = {row.cell: address(row.cell) for row in part}
        verdicts = source.verdicts({*filter(None, wanted.values())})
        successes = source.later_successes(verdicts)
        counts: Counter[str] = Counter()
        for row in part:
            may, why, until = texts.text("verdict.no"), texts.text("checked.none"), ""
            if to := wanted[row.cell]:
                verdict = verdicts[to]
                allows = verdict.allows(source.composition)
                may = texts.text("verdict.yes" if allows else "verdict.no")
                why = cause_text(verdict, texts, source.composition)
                until = end_text(verdict, texts, zone)
            counts[why] += bool(row.cells)
            if at := successes.get(to):
                why += texts.text("checked.later_success", time=shown(at, zone, "%Y-%m-%d"))
            target.write(table.widened(row, [may, why, until]))
        yield counts
