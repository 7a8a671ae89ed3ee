"""
Counts from a sorted table instead of a scan, as the real Firestore takes them from an index.

A table is made by one scan of a collection and serves until something is written. It is for the
question that charts ask many times: fields equal to texts, and one field in a range of times.
"""

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from cmc_webhook.devserver import field_paths
from cmc_webhook.devserver.field_paths import NAME, FieldPath
from cmc_webhook.devserver.filters import value_at
from cmc_webhook.devserver.messages import Message, StructuredQuery
from cmc_webhook.devserver.queries import parse_orders
from cmc_webhook.devserver.values import SortKey, sort_key

Scan = Callable[[], Iterable[Message]]
_Table = dict[tuple[SortKey, ...], list[SortKey]]
_Operator = StructuredQuery.FieldFilter.Operator
_FROM, _BEFORE = _Operator.GREATER_THAN_OR_EQUAL, _Operator.LESS_THAN


class Question(NamedTuple):
    """How many documents have these texts, and *ordered* from *first* up to before *end*?"""

    collection: str
    texts: tuple[tuple[FieldPath, SortKey], ...]
    ordered: FieldPath
    first: SortKey
    end: SortKey


def question(parent: str, structured: Message) -> Question | None:
    """Return what is to be counted by *structured*, which is valid; None if no table can tell."""
    orders = [order.path for order in parse_orders(structured) if order.path != NAME]
    cut = any(structured.HasField(name) for name in ("start_at", "end_at", "limit"))
    if len(orders) != 1 or cut or structured.offset:
        return None
    leaves = _leaves(structured.where)
    texts = {_path(leaf): sort_key(leaf.value) for leaf in leaves if _is_text(leaf)}
    ends = {leaf.op: sort_key(leaf.value) for leaf in leaves if _is_end(leaf, orders[0])}
    if ends.keys() != {_FROM, _BEFORE} or len(texts) + len(ends) != len(leaves):
        return None
    collection = f"{parent}/{structured.from_[0].collection_id}"
    return Question(collection, tuple(sorted(texts.items())), orders[0], ends[_FROM], ends[_BEFORE])


class Counts:
    """The tables of one version of the documents. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version = 0
        self._tables: dict[tuple[str, FieldPath, tuple[FieldPath, ...]], _Table] = {}

    def count(self, asked: Question, version: int, scan: Scan) -> int:
        """Return the count at *version* or later; *scan* returns the whole collection."""
        paths, values = zip(*asked.texts, strict=True) if asked.texts else ((), ())
        key = (asked.collection, asked.ordered, paths)
        with self._lock:
            if version != self._version:
                self._version, self._tables = version, {}
            if key not in self._tables:
                self._tables[key] = _table(scan(), paths, asked.ordered)
            places = self._tables[key].get(values, [])
        return max(0, bisect_left(places, asked.end) - bisect_left(places, asked.first))


def _leaves(where: Message) -> list[Message]:
    """Return the filters that must all hold; nothing if one of them is not of a single field."""
    if where.HasField("field_filter"):
        return [where.field_filter]
    parts = [_leaves(part) for part in where.composite_filter.filters]
    if where.composite_filter.op != StructuredQuery.CompositeFilter.Operator.AND or [] in parts:
        return []
    return [leaf for part in parts for leaf in part]


def _path(leaf: Message) -> FieldPath:
    return field_paths.parse(leaf.field.field_path)


def _is_text(leaf: Message) -> bool:
    return leaf.op == _Operator.EQUAL and bool(leaf.value.HasField("string_value"))


def _is_end(leaf: Message, ordered: FieldPath) -> bool:
    is_time = leaf.value.HasField("timestamp_value")
    return bool(is_time) and leaf.op in (_FROM, _BEFORE) and _path(leaf) == ordered


def _table(documents: Iterable[Message], paths: Sequence[FieldPath], ordered: FieldPath) -> _Table:
    table: _Table = defaultdict(list)
    for document in documents:
        values = [value_at(document, path) for path in (*paths, ordered)]
        # A document without a field is not in the index.
        keys = [sort_key(value) for value in values if value is not None and _is_plain(value)]
        if len(keys) == len(values):
            table[tuple(keys[:-1])].append(keys[-1])
    for places in table.values():
        places.sort()
    return table


def _is_plain(value: Message) -> bool:
    """Whether *value* is of a kind that a question names; the keys of others may have no hash."""
    return bool(value.HasField("string_value") or value.HasField("timestamp_value"))
