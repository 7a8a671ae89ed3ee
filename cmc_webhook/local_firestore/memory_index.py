"""
The keys of the fields that queries ask for, in tables beside the documents, so that a query
reads the documents that it finds and no others.

A collection gets its table, each field its column and each kind of query its index when a query
first asks, in the memory of SQLite: they are changed by the same transactions as the documents,
and gone with the server. SQL narrows by ranges of keys and orders; what a range is, and the rest
of a query, is said elsewhere.
"""

import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

from cmc_webhook.local_firestore.field_paths import NAME, FieldPath
from cmc_webhook.local_firestore.filters import Leaf, Range, value_at
from cmc_webhook.local_firestore.messages import Document, Message
from cmc_webhook.local_firestore.queries import Query
from cmc_webhook.local_firestore.resource_names import DocumentName
from cmc_webhook.local_firestore.sort_keys import sort_key

# As long as a collection is smaller, its documents are read about as fast.
_FEWEST_DOCUMENTS = 500
# Of each collection, because each of them is written with every document.
_MOST_COLUMNS = _MOST_INDEXES = 50
# Of one alternative; SQLite takes a thousand terms one within the other.
_MOST_FILTERS = 500

# The name of a document, and its key for each order of the query.
Row: TypeAlias = tuple[DocumentName, Sequence[bytes]]


@dataclass(slots=True)
class _Table:
    name: str
    columns: dict[FieldPath, str] = field(default_factory=dict)
    indexes: set[tuple[str, ...]] = field(default_factory=set)


class Columns:
    """The tables of one connection, in whose main database the documents are."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tables: dict[tuple[str, str], _Table] = {}
        connection.execute("PRAGMA temp_store = MEMORY")
        # In KiB: what is beyond is copied to and fro within memory.
        connection.execute("PRAGMA temp.cache_size = -200000")

    def rows(self, query: Query) -> Generator[Row] | None:
        """Return what the filters of *query* leave, in order; None if it is not for columns."""
        table = self._table(query)
        return None if table is None else self._select(table, query)

    def count(self, query: Query) -> int | None:
        """Return how many documents the filters of *query* leave; None as above."""
        table = self._table(query)
        if table is None:
            return None
        matching, parameters = _matching(table, query)
        [found] = self._connection.execute(f"SELECT count(*) {matching}", parameters).fetchone()
        return int(found)

    def put(self, name: DocumentName, document: Message | None) -> None:
        """Follow a change of a document; None: it is deleted."""
        table = self._tables.get((name.parent, name.collection))
        if table is None:
            return
        if document is None:
            self._connection.execute(f"DELETE FROM {table.name} WHERE id = ?", [name.id])
        else:
            columns = ", ".join(["id", *table.columns.values()])
            marks = ", ".join("?" * (1 + len(table.columns)))
            self._connection.execute(
                f"INSERT OR REPLACE INTO {table.name} ({columns}) VALUES ({marks})",
                [name.id, *(_key(document, path) for path in table.columns)],
            )

    def _table(self, query: Query) -> _Table | None:
        """Return the table that answers *query*, made so that it does."""
        leaves = [*chain.from_iterable(query.alternatives)]
        if any(leaf.is_of_elements() for leaf in leaves):
            return None
        if any(len(each) > _MOST_FILTERS for each in query.alternatives):
            return None
        if query.scope.descendants or not query.scope.collection:
            return None
        paths = {leaf.path for leaf in leaves} | {order.path for order in query.orders}
        table = self._table_with(query.scope.parent, query.scope.collection, paths)
        if table is not None:
            self._add_indexes(table, query)
        return table

    def _table_with(self, parent: str, collection: str, paths: set[FieldPath]) -> _Table | None:
        table = self._tables.get((parent, collection))
        known = table.columns if table else {}
        missing = sorted(paths - known.keys())
        if not missing:
            return table
        if self._is_writing() or len(known) + len(missing) > _MOST_COLUMNS:
            return None
        if table is None and not self._is_large(parent, collection):
            return None
        with self._connection:
            self._connection.execute("BEGIN")
            if table is None:
                table = self._create(parent, collection)
            columns = self._add_columns(table, missing, self._documents(parent, collection))
        table.columns |= columns
        self._tables[parent, collection] = table
        return table

    def _is_writing(self) -> bool:
        """Whether what is done now may yet be undone, and not what this object knows of it."""
        return self._connection.in_transaction

    def _is_large(self, parent: str, collection: str) -> bool:
        (found,) = self._connection.execute(
            "SELECT count(*) FROM"
            " (SELECT 1 FROM documents WHERE parent = ? AND collection = ? LIMIT ?)",
            (parent, collection, _FEWEST_DOCUMENTS),
        ).fetchone()
        return bool(found == _FEWEST_DOCUMENTS)

    def _documents(self, parent: str, collection: str) -> Iterator[Message]:
        rows = self._connection.execute(
            "SELECT document FROM documents WHERE parent = ? AND collection = ?",
            (parent, collection),
        )
        return (Document.FromString(data) for (data,) in rows)

    def _create(self, parent: str, collection: str) -> _Table:
        table = _Table(f"temp.columns{len(self._tables)}")
        self._connection.execute(f"CREATE TABLE {table.name} (id TEXT PRIMARY KEY)")
        self._connection.execute(
            f"INSERT INTO {table.name} (id)"
            " SELECT id FROM documents WHERE parent = ? AND collection = ?",
            (parent, collection),
        )
        return table

    def _add_columns(
        self, table: _Table, paths: Sequence[FieldPath], documents: Iterable[Message]
    ) -> dict[FieldPath, str]:
        first = len(table.columns)
        columns = {path: f"key{first + number}" for number, path in enumerate(paths)}
        for column in columns.values():
            self._connection.execute(f"ALTER TABLE {table.name} ADD COLUMN {column} BLOB")
        values = ", ".join(f"{column} = ?" for column in columns.values())
        self._connection.executemany(
            f"UPDATE {table.name} SET {values} WHERE id = ?",
            (
                [*(_key(document, path) for path in paths), document.name.rpartition("/")[2]]
                for document in documents
            ),
        )
        return columns

    def _add_indexes(self, table: _Table, query: Query) -> None:
        """Index each field that is compared with single values, and after it the first order."""
        if self._is_writing():
            return
        ordered = table.columns[query.orders[0].path]
        leaves = chain.from_iterable(query.alternatives)
        equal = {table.columns[leaf.path] for leaf in leaves if not leaf.is_inequality()}
        for column in equal or {ordered}:
            columns = tuple(dict.fromkeys([column, ordered]))
            if columns not in table.indexes and len(table.indexes) < _MOST_INDEXES:
                schema, _, name = table.name.partition(".")
                self._connection.execute(
                    f"CREATE INDEX {schema}.{name}_{'_'.join(columns)}"
                    f" ON {name} ({', '.join(columns)})"
                )
                table.indexes.add(columns)

    def _select(self, table: _Table, query: Query) -> Generator[Row]:
        keys = [table.columns[order.path] for order in query.orders]
        orders = (
            f"{key} {'DESC' if order.descending else 'ASC'}"
            for key, order in zip(keys, query.orders, strict=True)
        )
        matching, parameters = _matching(table, query)
        for operator, bound in _bounds(query):
            matching += f" AND {keys[0]} {operator} ?"
            parameters.append(bound)
        rows = self._connection.execute(
            f"SELECT id, {', '.join(keys)} {matching} ORDER BY {', '.join(orders)}", parameters
        )
        with closing(rows):
            for document_id, *found in rows:
                yield DocumentName(query.scope.parent, query.scope.collection, document_id), found


def _matching(table: _Table, query: Query) -> tuple[str, list[bytes]]:
    """Return the rest of a statement about the rows that match, and its parameters."""
    parameters: list[bytes] = []
    alternatives = [
        " AND ".join(_condition(table.columns[leaf.path], leaf, parameters) for leaf in leaves)
        for leaves in query.alternatives
    ]
    matching = " OR ".join(f"({text or 'TRUE'})" for text in alternatives) or "FALSE"
    # Without a field there is no place in its order. That each document has a name need not
    # be looked up.
    placed = "".join(
        f" AND {table.columns[order.path]} IS NOT NULL"
        for order in query.orders
        if order.path != NAME
    )
    return f"FROM {table.name} WHERE ({matching}){placed}", parameters


def _bounds(query: Query) -> Iterator[tuple[str, bytes]]:
    """Yield what the cursors say of the first keys of what they leave, so that no more is read."""
    operators = (">=", "<=")
    if query.orders[0].descending:
        operators = operators[::-1]
    for operator, cursor in zip(operators, (query.start, query.end), strict=True):
        if cursor and cursor.keys:
            yield operator, cursor.keys[0]


def _condition(column: str, leaf: Leaf, parameters: list[bytes]) -> str:
    """Return what is true of the keys that *leaf* admits, and add to *parameters*."""
    texts = []
    for each in leaf.ranges:
        texts.append(_within(column, each))
        parameters += each[:1] if each.is_point() else each
    return f"({' OR '.join(texts) or 'FALSE'})"


def _within(column: str, keys: Range) -> str:
    return f"{column} = ?" if keys.is_point() else f"{column} >= ? AND {column} < ?"


def _key(document: Message, path: FieldPath) -> bytes | None:
    value = value_at(document, path)
    return None if value is None else sort_key(value)
