"""Queries over status documents.

Any combination of filters needs only one composite index for each field of INDEXED, with
`status_at` descending. Firestore merges them, see
https://cloud.google.com/firestore/docs/query-data/index-overview#taking_advantage_of_index_merging
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from google.api_core.exceptions import FailedPrecondition
from google.cloud.firestore import Query
from google.cloud.firestore_v1.base_query import FieldFilter

from cmc_webhook.reading import queries
from cmc_webhook.reading.documents import MAIL, Document
from cmc_webhook.reading.pasted import Search, domain, message_ids, recipients
from cmc_webhook.reading.queries import Listing, count, run
from cmc_webhook.status.diagnosis import DOMAINS, Receiver
from cmc_webhook.status.events import EARLIEST, Status

# The field of each filter that compares for equality, and the forms of what people paste into it.
_EQUAL: Mapping[str, tuple[str, Callable[[Any], Sequence[str]]]] = {
    "statuses": ("status", tuple),
    "to": ("to", recipients),
    "domain": ("to_domain", lambda text: (domain(text),)),
    "api_data": ("api_data", lambda text: (text.strip(),)),
    "causes": ("bounce_cause", tuple),
    "classes": ("bounce_class", tuple),
    "diagnoses": ("diagnosis", tuple),
    "composition": ("server_composition", lambda text: (text.strip(),)),
    "message_id": ("message_id", message_ids),
    "days": ("queued_on", tuple),
    "subject": ("subject", lambda text: (text,)),
    "receiver": ("to_domain", lambda word: DOMAINS[Receiver(word)]),
    "outcomes": ("outcome", tuple),
    "late": ("late_bounce", lambda late: (late,)),
}
INDEXED = tuple(dict.fromkeys(field for field, _ in _EQUAL.values()))
# https://cloud.google.com/firestore/docs/query-data/queries#limits_on_or_queries
_MOST_COMBINATIONS = 30
_COUNTERS = 8
_OF_SIBLINGS = (
    *("message_id", "to", "status", "status_at", "bounce_code", "bounce_cause", "diagnosis"),
    *("queued_at", "deferred_at", "succeeded_at", "failed_at", "bounced_at", "suppressed_at"),
)


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which mails to choose, by default all; texts are as pasted, *until* is not included.

    *days* are those of queueing in Japan, ``yyyy-mm-dd``; *subject* is exact; *receiver* is
    a Receiver; *late* chooses those that bounced after they had succeeded.
    """

    search: Search | None = None
    statuses: Sequence[str] = ()
    causes: Sequence[str] = ()
    classes: Sequence[str] = ()
    diagnoses: Sequence[str] = ()
    to: str = ""
    domain: str = ""
    message_id: str = ""
    api_data: str = ""
    composition: str = ""
    days: Sequence[str] = ()
    subject: str = ""
    receiver: str = ""
    outcomes: Sequence[str] = ()
    late: bool = False
    since: datetime | None = None
    until: datetime | None = None

    def searched(self) -> dict[str, Sequence[Any]]:
        """Return the values that are searched for, by the name of their filter."""
        given = ((name, forms, getattr(self, name)) for name, (_, forms) in _EQUAL.items())
        return {name: forms(value) for name, forms, value in given if value}

    def are_too_many(self) -> bool:
        """Return whether these are more combinations of values than Firestore takes."""
        return math.prod(map(len, self.searched().values())) > _MOST_COMBINATIONS

    def choose(self, mail: Document) -> bool:
        """Return whether they choose *mail*, but for *search*."""
        at = mail.fields.get("status_at", EARLIEST)
        words = self.searched().items()
        return (
            all(mail.fields.get(_EQUAL[name][0]) in values for name, values in words)
            and (self.since or at) <= at
            and not (self.until and at >= self.until)
        )


class MailStatuses(queries.Collection):
    """The status documents of a collection. Thread-safe."""

    shape = MAIL

    def listing(self, filters: Filters) -> Listing:
        """Return the mails that *filters* choose, see Listing for their order."""
        search = filters.search
        if search and not search.whole:
            others = replace(filters, search=None)
            keep = None if others == Filters() else others.choose
            return Listing(Query(self.collection), "status_at", MAIL, beginning=search, keep=keep)
        query = queries.within(self._equal(filters), "status_at", filters.since, filters.until)
        return Listing(query, "status_at", MAIL)

    def newest(self, filters: Filters, most: int, fields: Iterable[str]) -> list[Document]:
        """Return at most *most* mails with only these fields. Each is billed as a whole read.

        Those of a beginning come in the order of its field, and no period chooses among them.
        """
        return run(self._ordered(filters).limit(most).select(fields), MAIL)

    def sample(self, filters: Filters, most: int, fields: Iterable[str]) -> list[Document]:
        """Return at most *most* mails in the order of their ids, which begin with a hash."""
        return run(self._equal(filters).limit(most).select(fields), MAIL)

    def newest_time(self, filters: Filters) -> datetime | None:
        """Return the time of the newest mail that *filters* choose without their period."""
        # With a bound, Firestore finds times only.
        anytime = replace(filters, since=EARLIEST, until=None)
        return next((m.fields["status_at"] for m in self.newest(anytime, 1, ["status_at"])), None)

    def period(self) -> list[datetime]:
        """Return the times of the oldest and the newest mail; none if there are no mails."""
        known = self.collection.where(filter=FieldFilter("status_at", ">=", EARLIEST)).limit(1)
        directions = (Query.ASCENDING, Query.DESCENDING)
        ends = (known.order_by("status_at", direction=each) for each in directions)
        return [mail.fields["status_at"] for end in ends for mail in run(end, MAIL)]

    def newest_success(self, to: str) -> datetime | None:
        """Return when a mail to this address was accepted last, of those that stayed so."""
        return self.newest_time(Filters(to=to, statuses=(Status.SUCCEEDED,)))

    def counts(self, each: Iterable[Filters]) -> list[int]:
        """Return how many mails each filter chooses. Firestore counts; no document is read."""
        with ThreadPoolExecutor(_COUNTERS) as pool:
            return list(pool.map(count, map(self._ordered, each)))

    def matches(self, meant: Iterable[Search]) -> list[Search]:
        """Return which of *meant* find a mail, the whole values first; reads one for each."""
        with ThreadPoolExecutor(_COUNTERS) as pool:
            found = itertools.chain.from_iterable(pool.map(self._match, meant))
        return sorted(found, key=lambda search: not search.whole)

    def _match(self, meant: Search) -> list[Search]:
        field, text, _ = meant
        query = queries.starting(self.collection, field, text, 1).select([field])
        # The first in order is the whole value, if there is one.
        return [Search(field, text, mail.stored[field] == text) for mail in run(query, MAIL)]

    def addresses_around(self, address: str, start: str, most: int) -> list[str]:
        """Return the recipients of *most* documents around *address* that begin with *start*."""
        around = queries.starting(self.collection, "to", start, most // 2).select(["to"])
        after = run(around.start_at({"to": address}), MAIL)
        ordered = self.collection.order_by("to", direction=Query.DESCENDING).select(["to"])
        before = ordered.start_after({"to": address}).end_at({"to": start})
        found = [*after, *run(before.limit(most - len(after)), MAIL)]
        return [mail.fields["to"] for mail in found]

    def known_among(self, addresses: Sequence[str], most: int) -> list[str]:
        """Return the recipients of at most *most* documents to one of *addresses*."""
        query = self.collection.where(filter=FieldFilter("to", "in", addresses))
        return [mail.fields["to"] for mail in run(query.limit(most).select(["to"]), MAIL)]

    def of_same_messages(self, mails: Sequence[Document], most: int) -> list[Document]:
        """Return at most *most* documents that have the message id of one of at most 30 *mails*."""
        ids = sorted({mail.fields["message_id"] for mail in mails if "message_id" in mail.fields})
        if not ids:
            return []
        query = self.collection.where(filter=FieldFilter("message_id", "in", ids))
        return run(query.limit(most).select(_OF_SIBLINGS), MAIL)

    def last_received(self, most: int) -> list[Document]:
        """Return the mails that were written last, the latest first, none of the future."""
        return queries.latest(Query(self.collection), "last_received_at", most, MAIL)

    def oddly_received(self, most: int) -> list[Document]:
        """Return the mails that last_received leaves out, at most *most*."""
        late = datetime.now(UTC) + queries.CLOCKS_DIFFER
        # The order is by type, and times are in the middle.
        directions = (Query.DESCENDING, Query.ASCENDING)
        ends = (run(self._by_arrival(each).limit(most), MAIL) for each in directions)
        mails = {mail.id: mail for mail in itertools.chain.from_iterable(ends)}.values()
        return [m for m in mails if m.fields.get("last_received_at", late) >= late][:most]

    def first_received(self) -> list[Document]:
        """Return the mail whose last write is the oldest, in a list that may be empty."""
        known = FieldFilter("last_received_at", ">=", EARLIEST)
        return run(self._by_arrival(Query.ASCENDING).where(filter=known).limit(1), MAIL)

    def missing_indexes(self) -> list[str]:
        """Return the fields of INDEXED whose composite index is missing or not ready."""
        return [name for name in INDEXED if not self._has_index(name)]

    def _has_index(self, path: str) -> bool:
        query = self.listing(Filters()).query.where(filter=FieldFilter(path, "==", ""))
        try:
            count(query)
        except FailedPrecondition:
            return False
        return True

    def _by_arrival(self, direction: str) -> Query:
        return self.collection.order_by("last_received_at", direction=direction)

    def _ordered(self, filters: Filters) -> Query:
        search = filters.search
        if search is None or search.whole:
            return self.listing(filters).query
        query = queries.beginning_with(self._equal(filters), search.field, search.text)
        return query.order_by(search.field, direction=Query.DESCENDING)

    def _equal(self, filters: Filters) -> Query:
        """Return the query for what *filters* compare for equality, without an order."""
        query, search = Query(self.collection), filters.search
        if search and search.whole:
            query = query.where(filter=FieldFilter(search.field, "==", search.text))
        for name, values in filters.searched().items():
            is_one = len(values) == 1
            operator, value = ("==", values[0]) if is_one else ("in", list(values))
            query = query.where(filter=FieldFilter(_EQUAL[name][0], operator, value))
        return query


class Empty(NamedTuple):
    """The key of the text, and the time of the newest mail if only the period has none."""

    key: str
    newest: datetime | None = None


def why_empty(mails: MailStatuses, filters: Filters) -> Empty:
    """Return why *filters* choose no mail; reads one document if there is any."""
    if newest := mails.newest_time(filters):
        return Empty("mails.none_in_period", newest)
    ever = mails.newest_time(Filters())
    return Empty("mails.none_match" if ever else "mails.none_ever")
