"""What all queries share: time limits, whatever is stored as documents, lists page by page."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from google.api_core.retry import Retry
from google.cloud.firestore import Client, CollectionReference, Query
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.types import Cursor as Position
from google.cloud.firestore_v1.types import Document as StoredDocument
from google.cloud.firestore_v1.types import Value

from cmc_webhook.reading.documents import Document, Shape, document
from cmc_webhook.reading.pasted import Search, message_ids

_TIMEOUT_S = 30
# No view reads more documents.
MOST = 5_000
_BATCH = 500
CLOCKS_DIFFER = timedelta(days=1)
PATIENCE: dict[str, Any] = {"retry": Retry(timeout=_TIMEOUT_S), "timeout": _TIMEOUT_S}
# https://cloud.google.com/firestore/quotas#collections_documents_and_fields
_LONGEST_ID = 1_500
# How many documents one call reads by id, or deletes.
AT_ONCE = 500


class Cursor(NamedTuple):
    """The place after a document; *at* is None where the document is read again to find it."""

    at: datetime | None
    document_id: str

    def __str__(self) -> str:
        return f"{self.at.isoformat() if self.at else ''}/{self.document_id}"


class Listing:
    """The documents of *query* by their field *time*, the latest first; of the same time by id."""

    # So a page starts where the previous one ended, even if documents arrive in between. Firestore
    # puts values of some other types before all times, and leaves out documents without the field.
    # Needs a composite index only if *query* filters by another field.
    # With a *beginning*, those of which its field begins so, in the order of that field first. The
    # index is that of a filter by it; no index answers more filters, so *keep* chooses.

    def __init__(
        self,
        query: Query,
        time: str,
        shape: Shape,
        *,
        beginning: Search | None = None,
        keep: Callable[[Document], bool] | None = None,
    ) -> None:
        if beginning:
            query = beginning_with(query, beginning.field, beginning.text).order_by(beginning.field)
        ordered = query.order_by(time, direction=Query.DESCENDING)
        self.query = ordered.order_by("__name__", direction=Query.DESCENDING)
        self.documents_read = 0
        self._time = time
        self._shape = shape
        self._by_time = beginning is None
        self._keep = keep

    def page(
        self, size: int, after: Cursor | None = None, fields: Sequence[str] = ()
    ) -> list[Document]:
        """Return at most *size* documents from *after* on, with all or only these *fields*."""
        query = self.query.limit(size)
        if fields:
            query = query.select(fields)
        position = None
        if after and after.at:
            query = query.start_after({self._time: after.at, "__name__": after.document_id})
        elif after:
            position = self._position(after.document_id)
            if position is None:
                return []
        found = _documents(read_stored(query, position), self._shape)
        self.documents_read += len(found)
        return found

    def shown(self, size: int, after: Cursor | None) -> tuple[list[Document], Cursor | None]:
        """Return a page, shorter once MOST were read, and the next place, None at the end."""
        # One document more than is shown tells whether there is a next page.
        asked = _BATCH if self._keep else size + 1
        kept: list[Document] = []
        while len(kept) <= size:
            if self.documents_read + asked >= MOST:
                return kept, after
            found = self.page(asked, after)
            kept += filter(self._keep, found)
            if len(found) < asked:
                break
            after = self.behind(found[-1])
        return kept[:size], self.behind(kept[size - 1]) if len(kept) > size else None

    def pages(self, size: int, after: Cursor | None = None) -> Iterator[list[Document]]:
        """Yield all documents in pages of *size*, or of fewer that are kept."""
        while found := self.page(size, after):
            yield [*filter(self._keep, found)]
            after = self.behind(found[-1])

    def behind(self, document: Document) -> Cursor:
        """Return the cursor of the place after *document*."""
        at = document.stored[self._time]
        is_place = self._by_time and isinstance(at, datetime)
        return Cursor(at if is_place else None, document.id)

    def _position(self, document_id: str) -> Position | None:
        """Return the place after this document, None if it does not exist any more."""
        found = _read_by_id(self.query._parent, [document_id])
        if not found:
            return None
        self.documents_read += 1
        [stored] = found
        place = [stored.fields[order.field.field_path] for order in self.query._orders[:-1]]
        return Position(values=[*place, Value(reference_value=stored.name)], before=False)


class Collection:
    """The documents of a collection. Thread-safe."""

    shape: Shape

    def __init__(self, client: Client, name: str) -> None:
        self.collection = client.collection(name)

    def get(self, document_id: str) -> Document | None:
        """Return the document with this id; None if there is none, or no document can have it."""
        return next(iter(self.get_all([document_id])), None) if is_id(document_id) else None

    def get_all(self, ids: Sequence[str]) -> list[Document]:
        """Return those that exist of the documents with these ids. Each id is billed."""
        return [
            found
            for start in range(0, len(ids), AT_ONCE)
            for found in _documents(
                _read_by_id(self.collection, ids[start : start + AT_ONCE]), self.shape
            )
        ]

    def delete(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), AT_ONCE):
            batch = self.collection._client.batch()
            for each in ids[start : start + AT_ONCE]:
                batch.delete(self.collection.document(each))
            batch.commit(**PATIENCE)

    def beginning(self, start: str) -> list[Document]:
        """Return the documents whose id begins with *start*, which must not contain a slash."""
        query = self.collection.order_by("__name__").start_at({"__name__": start})
        return run(query.end_at({"__name__": f"{start}\uf8ff"}), self.shape)

    def of_message(self, message_id: str) -> list[Document]:
        """Return the documents with this message id, which is as people paste it."""
        condition = FieldFilter("message_id", "in", message_ids(message_id))
        return run(self.collection.where(filter=condition), self.shape)


def parse_cursor(text: str) -> Cursor:
    """Return the cursor of which *text* is the text form. Raises ValueError."""
    time, _, document_id = text.partition("/")
    at = datetime.fromisoformat(time) if time else None
    if not is_id(document_id) or (at and at.tzinfo is None):
        raise ValueError(f"{text!r} is no cursor")
    try:
        return Cursor(at and at.astimezone(UTC), document_id)
    except OverflowError:
        raise ValueError(f"{text!r} is no cursor") from None


def latest(query: Query, time: str, most: int, shape: Shape) -> list[Document]:
    """Return the latest by *time* without the future: an odd time would be first for ever."""
    soon = FieldFilter(time, "<", datetime.now(UTC) + CLOCKS_DIFFER)
    ordered = query.order_by(time, direction=Query.DESCENDING)
    return run(ordered.where(filter=soon).limit(most), shape)


def all_pages(query: Query, size: int, shape: Shape) -> Iterator[list[Document]]:
    """Yield every document of *query* by id, in pages of *size*, whatever fields it has."""
    return (_documents(found, shape) for found in stored_pages(query, size))


def stored_pages(
    query: Query, size: int, after: str | None = None
) -> Iterator[list[StoredDocument]]:
    """Yield the same as Firestore sends them, from the id *after* on."""
    ordered = query.order_by("__name__").limit(size)
    while found := read_stored(ordered.start_after({"__name__": after}) if after else ordered):
        yield found
        after = found[-1].name.rpartition("/")[2]


def run(query: Query, shape: Shape) -> list[Document]:
    return _documents(read_stored(query), shape)


def read_stored(query: Query, after: Position | None = None) -> list[StoredDocument]:
    """Return the documents as Firestore sends them, starting at *after* if it is given."""
    # The client's own `stream` fails for all of them if one has a reference to another database,
    # as imported documents have.
    request, _, _ = query._prep_stream()
    if after:
        request["structured_query"].start_at = after
    answers = _answers(query._client, "run_query", request)
    return [answer.document for answer in answers if "document" in answer]


def _read_by_id(collection: Any, ids: Iterable[str]) -> list[StoredDocument]:
    client = collection._client
    names = [collection.document(each)._document_path for each in ids]
    request = {"database": client._database_string, "documents": names}
    answers = _answers(client, "batch_get_documents", request)
    return [answer.found for answer in answers if "found" in answer]


def _answers(client: Any, rpc: str, request: Mapping[str, Any]) -> list[Any]:
    def call() -> list[Any]:
        method = getattr(client._firestore_api, rpc)
        metadata = client._rpc_metadata
        return [*method(request=request, metadata=metadata, retry=None, timeout=_TIMEOUT_S)]

    return Retry(timeout=_TIMEOUT_S)(call)()


def _documents(found: Sequence[StoredDocument], shape: Shape) -> list[Document]:
    raw = (StoredDocument.pb(each) for each in found)
    return [document(each.name, each.fields, shape) for each in raw]


def is_id(text: str) -> bool:
    """Return whether a document can have the id *text*."""
    if not 0 < len(text.encode(errors="replace")) <= _LONGEST_ID or text in (".", ".."):
        return False
    return "/" not in text and not re.fullmatch("__.*__", text, re.DOTALL)


def count(query: Query) -> int:
    """Return how many documents *query* finds. Firestore counts; no document is read."""
    results: Any = query.count().get(**PATIENCE)  # typed as flat, in fact a list of lists
    [[result]] = results
    return int(result.value)


def starting(collection: CollectionReference, field: str, start: str, most: int) -> Query:
    """Return the query for at most *most* documents whose *field* begins with *start*."""
    return beginning_with(Query(collection), field, start).order_by(field).limit(most)


def within(query: Query, field: str, first: Any, end: Any) -> Query:
    """Return *query* with *field* from *first* until before *end*, if these are given."""
    for condition, bound in ((">=", first), ("<", end)):
        if bound:
            query = query.where(filter=FieldFilter(field, condition, bound))
    return query


def beginning_with(query: Query, field: str, start: str) -> Query:
    """Return *query* with *field* beginning with *start*."""
    return within(query, field, start, f"{start}\uf8ff")
