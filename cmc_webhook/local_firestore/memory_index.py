"""
An index of the fields that queries use, so that a query reads only the documents it finds.

The first query over a large collection creates a table for it; each field gets a column with its
sort keys, each kind of query a SQL index. The tables are temporary and in memory; they change in
the same transactions as the documents. SQL filters by ranges of keys and sorts: filters.py and
queries.py say what a range is, and do the rest.
"""

import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

from cmc_webhook.local_firestore.field_paths import NAME, FieldPath
from cmc_webhook.local_firestore.filters import FieldTest, value_at
from cmc_webhook.local_firestore.messages import Document, Message
from cmc_webhook.local_firestore.queries import Query
from cmc_webhook.local_firestore.resource_names import DocumentName
from cmc_webhook.local_firestore.values import sort_key

# Smaller collections are scanned about as fast.
_MIN_DOCUMENTS = 500
# Per collection, because every write of a document updates all of them.
_MAX_COLUMNS = _MAX_INDEXES = 50
# In one alternative; SQLite accepts 1,000 nested terms.
_MAX_FILTERS = 500

# The name of a document and its sort key for each order of the query.
Row: TypeAlias = tuple[DocumentName, Sequence[bytes]]
# Each with its id.
_Documents: TypeAlias = Iterable[tuple[str, Message]]


@dataclass(slots=True)
class _Table:
    name: str
    columns: dict[FieldPath, str] = field(default_factory=dict)
    indexes: set[tuple[str, ...]] = field(default_factory=set)


class MemoryIndex:
    """The temporary tables of *connection*, whose main database has the documents."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tables: dict[tuple[str, ...], _Table] = {}
        connection.execute("PRAGMA temp_store = MEMORY")
        # In KiB. Pages over this size would be copied to and from the temporary file in memory.
        connection.execute("PRAGMA temp.cache_size = -200000")

    def rows(self, query: Query) -> Generator[Row] | None:
        """Return the documents that match the filters, sorted; None if there is no index."""
        table = self._table(query)
        return None if table is None else self._select(table, query)

    def count(self, query: Query) -> int | None:
        """Return how many documents match the filters; None as in rows()."""
        table = self._table(query)
        if table is None:
            return None
        matching, parameters = _matching(table, query)
        [found] = self._connection.execute(f"SELECT count(*) {matching}", parameters).fetchone()
        return int(found)

    def put(self, name: DocumentName, document: Message | None) -> None:
        """Update the index for a document that was written, or deleted if it is None."""
        table = self._tables.get((name.parent, name.collection))
        if table is None:
            return
        if document is None:
            self._connection.execute(f"DELETE FROM {table.name} WHERE id = ?", [name.id])
        else:
            self._fill(table, table.columns, [(name.id, document)])

    def _table(self, query: Query) -> _Table | None:
        """Return the table for *query*, extended as needed; None if the query is not indexed."""
        tests = [*chain.from_iterable(query.alternatives)]
        if any(test.is_of_elements() for test in tests):
            return None
        if any(len(each) > _MAX_FILTERS for each in query.alternatives):
            return None
        if query.scope.descendants or not query.scope.collection:
            return None
        paths = {test.path for test in tests} | {order.path for order in query.orders}
        table = self._table_with(paths, query.scope.parent, query.scope.collection)
        if table is not None:
            self._add_indexes(table, query)
        return table

    def _table_with(self, paths: set[FieldPath], *collection: str) -> _Table | None:
        table = self._tables.get(collection) or _Table(f"columns{len(self._tables)}")
        missing = sorted(paths - table.columns.keys())
        if not missing:
            return table
        # A rollback could undo changes to the tables behind this object's back.
        writing = self._connection.in_transaction
        if writing or len(table.columns) + len(missing) > _MAX_COLUMNS:
            return None
        if collection not in self._tables and not self._is_large(collection):
            return None
        columns = {path: f"key{n}" for n, path in enumerate(missing, len(table.columns))}
        with self._connection:
            self._connection.execute("BEGIN")
            self._connection.execute(
                f"CREATE TEMP TABLE IF NOT EXISTS {table.name} (id TEXT PRIMARY KEY)"
            )
            for column in columns.values():
                self._connection.execute(f"ALTER TABLE {table.name} ADD COLUMN {column} BLOB")
            rows = self._connection.execute(
                "SELECT id, document FROM documents WHERE parent = ? AND collection = ?", collection
            )
            self._fill(table, columns, ((each, Document.FromString(data)) for each, data in rows))
        table.columns |= columns
        self._tables[collection] = table
        return table

    def _is_large(self, collection: tuple[str, ...]) -> bool:
        found = self._connection.execute(
            "SELECT 1 FROM documents WHERE parent = ? AND collection = ? LIMIT 1 OFFSET ?",
            (*collection, _MIN_DOCUMENTS - 1),
        )
        return found.fetchone() is not None

    def _fill(self, table: _Table, columns: Mapping[FieldPath, str], documents: _Documents) -> None:
        names = ", ".join(columns.values())
        marks = ", ".join("?" * len(columns))
        updates = ", ".join(f"{column} = excluded.{column}" for column in columns.values())
        self._connection.executemany(
            f"INSERT INTO {table.name} (id, {names}) VALUES (?, {marks})"
            f" ON CONFLICT DO UPDATE SET {updates}",
            ([each, *(_key(document, path) for path in columns)] for each, document in documents),
        )

    def _add_indexes(self, table: _Table, query: Query) -> None:
        """Create a SQL index on each field tested for equality, followed by the first order."""
        if self._connection.in_transaction:  # as in _table_with
            return
        ordered = table.columns[query.orders[0].path]
        tests = chain.from_iterable(query.alternatives)
        equal = {table.columns[test.path] for test in tests if not test.is_inequality()}
        for column in equal or {ordered}:
            columns = tuple(dict.fromkeys([column, ordered]))
            if columns not in table.indexes and len(table.indexes) < _MAX_INDEXES:
                self._connection.execute(
                    f"CREATE INDEX temp.{table.name}_{'_'.join(columns)}"
                    f" ON {table.name} ({', '.join(columns)})"
                )
                table.indexes.add(columns)

    def _select(self, table: _Table, query: Query) -> Generator[Row]:
        keys = [table.columns[order.path] for order in query.orders]
        orders = (
            f"{key} {'DESC' if order.descending else 'ASC'}"
            for key, order in zip(keys, query.orders, strict=True)
        )
        matching, parameters = _matching(table, query)
        # SQL reads no more than needed, if the first order has bounds by the cursors.
        operators = ("<=", ">=") if query.orders[0].descending else (">=", "<=")
        for operator, cursor in zip(operators, (query.start, query.end), strict=True):
            if cursor and cursor.keys:
                matching += f" AND {keys[0]} {operator} ?"
                parameters.append(cursor.keys[0])
        rows = self._connection.execute(
            f"SELECT id, {', '.join(keys)} {matching} ORDER BY {', '.join(orders)}", parameters
        )
        with closing(rows):
            for document_id, *found in rows:
                yield DocumentName(query.scope.parent, query.scope.collection, document_id), found


def _matching(table: _Table, query: Query) -> tuple[str, list[bytes]]:
    parameters: list[bytes] = []
    alternatives = [
        " AND ".join(_condition(table.columns[test.path], test, parameters) for test in tests)
        for tests in query.alternatives
    ]
    matching = " OR ".join(f"({text or 'TRUE'})" for text in alternatives) or "FALSE"
    # A document without the field is not in an ordered result. Every document has a name.
    ordered = [table.columns[order.path] for order in query.orders if order.path != NAME]
    present = "".join(f" AND {column} IS NOT NULL" for column in ordered)
    return f"FROM {table.name} WHERE ({matching}){present}", parameters


def _condition(column: str, test: FieldTest, parameters: list[bytes]) -> str:
    texts = []
    for each in test.ranges:
        if each.is_point():
            texts.append(f"{column} = ?")
            parameters.append(each.low)
        else:
            texts.append(f"{column} >= ? AND {column} < ?")
            parameters += each
    return f"({' OR '.join(texts) or 'FALSE'})"


def _key(document: Message, path: FieldPath) -> bytes | None:
    value = value_at(document, path)
    return None if value is None else sort_key(value)
