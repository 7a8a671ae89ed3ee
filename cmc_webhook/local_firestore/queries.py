"""Queries: parse them, evaluate one over documents, and aggregate its result. Pure."""

from collections.abc import Iterable, Sequence
from itertools import count
from typing import NamedTuple, TypeAlias

from google.api_core.exceptions import InvalidArgument

from cmc_webhook.local_firestore import field_paths, filters, limits
from cmc_webhook.local_firestore.field_paths import NAME, FieldPath
from cmc_webhook.local_firestore.messages import Document, Message, StructuredQuery, Value
from cmc_webhook.local_firestore.resource_names import Scope, check_id, check_parent
from cmc_webhook.local_firestore.stored import StoredDocument, value_at
from cmc_webhook.local_firestore.values import SortKey, check_value, is_number, number, sort_key

_INTEGERS = range(-(2**63), 2**63)

# The fields to return; None: all of them.
Mask: TypeAlias = Sequence[FieldPath] | None


class Order(NamedTuple):
    path: FieldPath
    descending: bool


class QueryCursor(NamedTuple):
    """A position in the result: before or after the documents that begin with these keys."""

    keys: Sequence[SortKey]
    before: bool


class Query(NamedTuple):
    """A parsed StructuredQuery; *orders* is complete, down to the document name."""

    scope: Scope
    alternatives: filters.Alternatives
    orders: Sequence[Order]
    start: QueryCursor | None
    end: QueryCursor | None
    offset: int
    limit: int | None
    mask: Mask


def parse_query(parent: str, structured: Message, aggregated: Iterable[FieldPath] = ()) -> Query:
    """Parse a query under *parent*, which is ordered by *aggregated*, too; or raise a Refusal."""
    if structured.offset < 0 or structured.limit.value < 0:
        raise InvalidArgument("Neither offset nor limit can be negative.")
    check_parent(parent)
    if len(structured.from_) != 1:
        raise InvalidArgument("A query is from one collection, or from all of them.")
    [selector] = structured.from_
    if selector.collection_id:
        check_id(selector.collection_id)
    # Without a filter every document matches.
    where = structured.HasField("where")
    alternatives: filters.Alternatives = filters.parse_filter(structured.where) if where else [[]]
    orders = _parse_orders(structured, alternatives, aggregated)
    if not selector.collection_id and (
        filters.filtered_paths(alternatives) - {NAME} or orders != [Order(NAME, descending=False)]
    ):
        raise InvalidArgument(
            "A query of all collections is filtered by __name__ only, and ordered by it, ascending."
        )
    selected = structured.select.fields if structured.HasField("select") else None
    return Query(
        scope=Scope(parent, selector.collection_id, selector.all_descendants),
        alternatives=alternatives,
        orders=orders,
        start=_parse_cursor(structured, "start_at", orders),
        end=_parse_cursor(structured, "end_at", orders),
        offset=structured.offset,
        limit=structured.limit.value if structured.HasField("limit") else None,
        mask=None if selected is None else [field_paths.parse(f.field_path) for f in selected],
    )


def evaluate(query: Query, documents: Sequence[StoredDocument]) -> tuple[list[StoredDocument], int]:
    """Return the documents of *query* among *documents*, and how many its offset skipped."""
    rows = []
    for document in filters.matching(query.alternatives, documents):
        keys = [key for order in query.orders if (key := document.key(order.path))]
        # A document without the field is not in an ordered result.
        if len(keys) == len(query.orders):
            rows.append((document, keys))
    for position, order in reversed(list(enumerate(query.orders))):
        rows.sort(key=lambda row: row[1][position], reverse=order.descending)
    found = [document for document, keys in rows if _within(keys, query)]
    return found[query.offset :][: query.limit], min(query.offset, len(found))


def project(document: Message, mask: Mask) -> Message:
    if mask is None:
        return document
    projected = Document(name=document.name)
    projected.create_time.CopyFrom(document.create_time)
    projected.update_time.CopyFrom(document.update_time)
    field_paths.copy(document.fields, projected.fields, mask)
    return projected


def parse_mask(request: Message) -> Mask:
    if not request.HasField("mask"):
        return None
    return [field_paths.parse(text) for text in request.mask.field_paths]


def _parse_orders(
    structured: Message, alternatives: filters.Alternatives, aggregated: Iterable[FieldPath]
) -> list[Order]:
    """Return the orders, with those that Firestore adds."""
    # Rules: StructuredQuery.order_by in
    # https://github.com/googleapis/googleapis/blob/master/google/firestore/v1/query.proto
    down = StructuredQuery.Direction.DESCENDING
    orders = [
        Order(field_paths.parse(order.field.field_path), order.direction == down)
        for order in structured.order_by
    ]
    paths = [order.path for order in orders]
    if len(set(paths)) < len(paths):
        raise InvalidArgument("A query orders by a field only once.")
    added = filters.inequality_paths(alternatives) - set(paths) - {NAME}
    descending = bool(orders) and orders[-1].descending
    orders += [Order(path, descending) for path in sorted(added)]
    if NAME in paths and orders[-1].path != NAME:
        last = ".".join(orders[-1].path)
        raise InvalidArgument(f"Order by clause cannot contain more fields after the key {last}")
    known = {order.path for order in orders}
    unordered = [path for path in aggregated if path not in known]
    if unordered and (NAME in paths or NAME in filters.filtered_paths(alternatives)):
        raise InvalidArgument("This query requires an index that has fields after __name__.")
    orders += [Order(path, descending) for path in unordered]
    return orders if NAME in paths else [*orders, Order(NAME, descending)]


def _parse_cursor(structured: Message, name: str, orders: Sequence[Order]) -> QueryCursor | None:
    if not structured.HasField(name):
        return None
    cursor = getattr(structured, name)
    if len(cursor.values) > len(orders):
        raise InvalidArgument("Cursor has too many values.")
    for value, order in zip(cursor.values, orders, strict=False):
        check_value(value)
        if order.path == NAME and not value.HasField("reference_value"):
            raise InvalidArgument("A cursor's __name__ is a reference.")
    return QueryCursor([sort_key(value) for value in cursor.values], cursor.before)


def _within(keys: Sequence[SortKey], query: Query) -> bool:
    if query.start and _is_before(keys, query.start, query.orders):
        return False
    return query.end is None or _is_before(keys, query.end, query.orders)


def _is_before(keys: Sequence[SortKey], cursor: QueryCursor, orders: Sequence[Order]) -> bool:
    for key, bound, order in zip(keys, cursor.keys, orders, strict=False):
        if key != bound:
            return (key > bound) if order.descending else (key < bound)
    # All keys of the cursor are equal: it is before such documents, or after them.
    return not cursor.before


def check_aggregations(aggregations: Sequence[Message]) -> None:
    """Raise InvalidArgument unless Firestore accepts *aggregations*."""
    if not aggregations:
        raise InvalidArgument("Aggregations can not be empty.")
    if len(aggregations) > limits.AGGREGATIONS:
        raise InvalidArgument(f"A query has at most {limits.AGGREGATIONS} aggregations.")
    aliases = [aggregation.alias for aggregation in aggregations if aggregation.alias]
    if len(set(aliases)) < len(aliases):
        raise InvalidArgument("Aggregation aliases contain duplicate alias.")
    for alias in aliases:
        field_paths.check_field_name(alias)
    for aggregation in aggregations:
        if aggregation.WhichOneof("operator") is None:
            raise InvalidArgument("An aggregation has no operator.")
        if aggregation.count.HasField("up_to") and aggregation.count.up_to.value <= 0:
            raise InvalidArgument("A count goes up to more than zero.")


def aggregated_paths(aggregations: Iterable[Message]) -> list[FieldPath]:
    """Return the fields of sums and averages, without duplicates, in order."""
    operators = (
        getattr(a, a.WhichOneof("operator")) for a in aggregations if not a.HasField("count")
    )
    return list(dict.fromkeys(field_paths.parse(o.field.field_path) for o in operators))


def aggregate(
    aggregations: Sequence[Message], documents: Sequence[StoredDocument]
) -> dict[str, Message]:
    """Return each aggregation of *documents* by its alias, else `field_1` and so on."""
    # They have every field of aggregated_paths(): the query is ordered by them.
    unnamed = count(1)
    return {a.alias or f"field_{next(unnamed)}": _compute(a, documents) for a in aggregations}


def _compute(aggregation: Message, documents: Sequence[StoredDocument]) -> Message:
    kind = aggregation.WhichOneof("operator")
    if kind == "count":
        most = aggregation.count.up_to.value or len(documents)
        return Value(integer_value=min(len(documents), most))
    path = field_paths.parse(getattr(aggregation, kind).field.field_path)
    values = [value_at(document.message(), path) for document in documents]
    numbers = [number(value) for value in values if value is not None and is_number(value)]
    # As IEEE 754 does: infinite on overflow, where math.fsum raises.
    double = sum(map(float, numbers), 0.0)
    if kind == "avg":
        return Value(double_value=double / len(numbers)) if numbers else Value(null_value=0)
    if all(isinstance(n, int) for n in numbers) and (total := sum(numbers)) in _INTEGERS:
        return Value(integer_value=total)
    return Value(double_value=double)
