"""A query over collections: filter, order, cursors, offset, limit, projection. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, TypeAlias, TypeVar

from cmc_webhook.local_firestore import field_paths
from cmc_webhook.local_firestore.errors import InvalidArgument
from cmc_webhook.local_firestore.field_paths import NAME, FieldPath
from cmc_webhook.local_firestore.filters import (
    Alternatives,
    filtered_paths,
    inequality_paths,
    parse_filter,
    value_at,
)
from cmc_webhook.local_firestore.messages import Document, Message, StructuredQuery
from cmc_webhook.local_firestore.resource_names import Scope, check_id, check_parent
from cmc_webhook.local_firestore.sort_keys import sort_key
from cmc_webhook.local_firestore.values import admit

T = TypeVar("T")

# The fields to return, None for all.
Projection: TypeAlias = Sequence[FieldPath] | None


class Order(NamedTuple):
    """One field that the result is ordered by."""

    path: FieldPath
    descending: bool


class Cursor(NamedTuple):
    """A position in the result: just before or just after documents with these first keys."""

    keys: Sequence[bytes]
    before: bool


@dataclass(frozen=True, slots=True)
class Query:
    """What a StructuredQuery asks for; *orders* is complete, down to the name."""

    scope: Scope
    alternatives: Alternatives
    orders: Sequence[Order]
    start: Cursor | None
    end: Cursor | None
    offset: int
    limit: int | None
    projection: Projection

    def is_cut(self) -> bool:
        """Whether cursors, offset or limit may leave out something that matches."""
        return bool(self.start or self.end or self.offset) or self.limit is not None


def parse_query(parent: str, structured: Message, aggregated: Iterable[FieldPath] = ()) -> Query:
    """
    Read *structured* as asked of *parent*, or raise a Refusal.

    *aggregated* are the fields that are summed or averaged.
    """
    if structured.offset < 0 or structured.limit.value < 0:
        raise InvalidArgument("Neither offset nor limit can be negative.")
    check_parent(parent)
    selector = parse_selector(structured)
    orders = parse_orders(structured, aggregated)
    return Query(
        scope=Scope(parent, selector.collection_id, selector.all_descendants),
        alternatives=parse_where(structured),
        orders=orders,
        start=_parse_cursor(structured, "start_at", orders),
        end=_parse_cursor(structured, "end_at", orders),
        offset=structured.offset,
        limit=structured.limit.value if structured.HasField("limit") else None,
        projection=_parse_projection(structured),
    )


def run(query: Query, documents: Iterable[Message]) -> tuple[list[Message], int]:
    """Return what *query* selects of its collection, and how many of that its offset skipped."""
    rows = []
    for document in documents:
        if any(all(leaf.holds(document) for leaf in leaves) for leaves in query.alternatives):
            values = [value_at(document, order.path) for order in query.orders]
            # Without a field there is no place in its order.
            if None not in values:
                rows.append((document, [sort_key(value) for value in values]))
    for position, order in reversed(list(enumerate(query.orders))):
        rows.sort(key=lambda row: row[1][position], reverse=order.descending)
    return pick(query, rows)


def pick(query: Query, rows: Iterable[tuple[T, Sequence[bytes]]]) -> tuple[list[T], int]:
    """
    Return what cursors, offset and limit leave of *rows*, and how many the offset skipped.

    *rows* are in order, each with its key for each of the orders.
    """
    found = (row for row, keys in rows if _within(keys, query))
    skipped = sum(1 for _ in islice(found, query.offset))
    return list(islice(found, query.limit)), skipped


def project(document: Message, paths: Iterable[FieldPath]) -> Message:
    """Return *document* with no fields but those at *paths*."""
    projected = Document(name=document.name)
    projected.create_time.CopyFrom(document.create_time)
    projected.update_time.CopyFrom(document.update_time)
    field_paths.copy(document.fields, projected.fields, paths)
    return projected


def parse_selector(structured: Message) -> Message:
    """Return which collections are queried, or raise a Refusal."""
    selectors = structured.from_
    if len(selectors) != 1:
        raise InvalidArgument("A query is from one collection, or from all of them.")
    if selectors[0].collection_id:
        check_id(selectors[0].collection_id)
    return selectors[0]


def parse_where(structured: Message) -> Alternatives:
    """Return the filters, or raise a Refusal; without any, every document matches."""
    return parse_filter(structured.where) if structured.HasField("where") else [[]]


def parse_orders(structured: Message, aggregated: Iterable[FieldPath] = ()) -> list[Order]:
    """
    Return the orders, with those that Firestore adds, such as by what is aggregated.

    The rule stands at StructuredQuery.order_by in
    https://github.com/googleapis/googleapis/blob/master/google/firestore/v1/query.proto
    """
    orders = [_parse_order(order) for order in structured.order_by]
    paths = [order.path for order in orders]
    if len(set(paths)) < len(paths):
        raise InvalidArgument("A query orders by a field only once.")
    alternatives = parse_where(structured)
    added = inequality_paths(alternatives) - set(paths) - {NAME}
    descending = bool(orders) and orders[-1].descending
    orders += [Order(path, descending) for path in sorted(added)]
    if NAME in paths and orders[-1].path != NAME:
        last = ".".join(orders[-1].path)
        raise InvalidArgument(f"Order by clause cannot contain more fields after the key {last}")
    known = {order.path for order in orders}
    unordered = [path for path in aggregated if path not in known]
    if unordered and (NAME in paths or NAME in filtered_paths(alternatives)):
        raise InvalidArgument("This query requires an index that has fields after __name__.")
    orders += [Order(path, descending) for path in unordered]
    return orders if NAME in paths else [*orders, Order(NAME, descending)]


def _parse_projection(structured: Message) -> Projection:
    if not structured.HasField("select"):
        return None
    return [field_paths.parse(field.field_path) for field in structured.select.fields]


def _parse_order(order: Message) -> Order:
    path = field_paths.parse(order.field.field_path)
    return Order(path, order.direction == StructuredQuery.Direction.DESCENDING)


def _parse_cursor(structured: Message, name: str, orders: Sequence[Order]) -> Cursor | None:
    if not structured.HasField(name):
        return None
    cursor = getattr(structured, name)
    if len(cursor.values) > len(orders):
        raise InvalidArgument("Cursor has too many values.")
    for value, order in zip(cursor.values, orders, strict=False):
        admit(value)
        if order.path == NAME and not value.HasField("reference_value"):
            raise InvalidArgument("A cursor's __name__ is a reference.")
    return Cursor([sort_key(value) for value in cursor.values], cursor.before)


def _within(keys: Sequence[bytes], query: Query) -> bool:
    if query.start and _is_before(keys, query.start, query.orders):
        return False
    return query.end is None or _is_before(keys, query.end, query.orders)


def _is_before(keys: Sequence[bytes], cursor: Cursor, orders: Sequence[Order]) -> bool:
    for key, bound, order in zip(keys, cursor.keys, orders, strict=False):
        if key != bound:
            return (key > bound) if order.descending else (key < bound)
    # Equal so far as the cursor goes: it stands before all of them, or after.
    return not cursor.before
