"""
Readers and writers find the documents of their time, in their scope; numbers in order.

They run on the storage, without a server, because there are thousands of queries. What each query
finds is written by hand, beside it.
"""

import contextlib
import itertools
import random
from typing import NamedTuple

import pytest
from google.cloud.firestore_v1 import types

from cmc_webhook.local_firestore.messages import Document, Value
from cmc_webhook.local_firestore.queries import parse_query
from cmc_webhook.local_firestore.resource_names import DocumentName
from cmc_webhook.local_firestore.storage import Storage
from cmc_webhook.local_firestore.values import sort_key

pytestmark = pytest.mark.builtin

ROOTS = [f"projects/{project}/databases/(default)/documents" for project in ("a", "b")]
DOCUMENTS = 60


class Row(NamedTuple):
    """A document: its ids below the root, a field that it may lack, and which write it is of."""

    ids: tuple[str, ...]
    n: int | None
    write: int


def in_c(rows):
    return [row for row in rows if len(row.ids) == 2 and row.ids[0] == "c"]


def with_n(rows):
    return sorted((row for row in in_c(rows) if row.n is not None), key=lambda row: (row.n, row))


def compared(operator, **value):
    return {"field_filter": {"field": {"field_path": "n"}, "op": operator, "value": value}}


def by_n(direction="ASCENDING"):
    return [{"field": {"field_path": "n"}, "direction": direction}]


C = [{"collection_id": "c"}]
FOUR = {"integer_value": 4}
ONE_AND_FOUR = {"values": [{"integer_value": 1}, FOUR]}
# Queries, and what each finds of all rows of its root in the order of their names.
QUERIES = [
    ({"from_": C}, in_c),
    ({"from_": [{"all_descendants": True}]}, lambda rows: rows),
    (
        {"from_": [{"collection_id": "d", "all_descendants": True}]},
        lambda rows: [row for row in rows if row.ids[-2] == "d"],
    ),
    (
        {"from_": C, "where": compared("EQUAL", **FOUR)},
        lambda rows: [row for row in in_c(rows) if row.n == 4],
    ),
    (
        {"from_": C, "where": compared("IN", array_value=ONE_AND_FOUR)},
        lambda rows: [row for row in in_c(rows) if row.n in (1, 4)],
    ),
    (
        {"from_": C, "where": compared("NOT_EQUAL", **FOUR)},
        lambda rows: [row for row in with_n(rows) if row.n != 4],
    ),
    (
        {"from_": C, "where": compared("LESS_THAN", **FOUR)},
        lambda rows: [row for row in with_n(rows) if row.n < 4],
    ),
    ({"from_": C, "order_by": by_n("DESCENDING")}, lambda rows: with_n(rows)[::-1]),
    (
        {"from_": C, "order_by": by_n(), "start_at": {"values": [FOUR], "before": False}},
        lambda rows: [row for row in with_n(rows) if row.n > 4],
    ),
    (
        {"from_": C, "order_by": by_n(), "end_at": {"values": [FOUR], "before": False}},
        lambda rows: [row for row in with_n(rows) if row.n <= 4],
    ),
    ({"from_": C, "order_by": by_n(), "limit": 7}, lambda rows: with_n(rows)[:7]),
]


class Model:
    """A storage, and by root and ids the rows that it should have."""

    def __init__(self, rng):
        self.rng = rng
        self.storage = Storage(":memory:")
        self.rows = {}
        self.writes = itertools.count()

    def fill(self):
        with self.storage.writing() as writer:
            for root in ROOTS:
                for number in range(DOCUMENTS):
                    self.put(writer, self.rows, root, ("c", str(number)))

    def put(self, writer, rows, root, ids):
        """Store a document, with or without `n`."""
        row = Row(ids, self.rng.choice([None, *range(7)]), next(self.writes))
        fields = {"write": {"integer_value": row.write}}
        if row.n is not None:
            fields["n"] = {"integer_value": row.n}
        name = "/".join((root, *ids))
        writer.put(DocumentName(*name.rsplit("/", 2)), Document(name=name, fields=fields))
        rows[root, ids] = row

    def change(self, writer, rows):
        """Store or delete any document, rarely one below another."""
        root, ids = self.rng.choice(ROOTS), ("c", str(self.rng.randrange(2 * DOCUMENTS)))
        if self.rng.random() < 0.1:
            ids = ("c", str(self.rng.randrange(3)), self.rng.choice("cd"), ids[-1])
        if self.rng.random() < 0.4:
            writer.put(DocumentName(*"/".join((root, *ids)).rsplit("/", 2)), None)
            rows.pop((root, ids), None)
        else:
            self.put(writer, rows, root, ids)

    def commit(self, count):
        with self.storage.writing() as writer:
            for _ in range(count):
                self.change(writer, self.rows)


def check(reader, rows):
    for root in ROOTS:
        held = sorted(row for (of, _), row in rows.items() if of == root)
        assert sorted(reader.paths_under(root)) == [list(row.ids) for row in held]
        for query, expected in QUERIES:
            assert found(reader, root, query) == (expected(held), 0), query
        fours = [row for row in in_c(held) if row.n == 4]
        skipping = {"from_": C, "where": compared("EQUAL", **FOUR), "offset": 7, "limit": 3}
        assert found(reader, root, skipping) == (fours[7:10], min(7, len(fours)))
        inside = [row for row in held if row.ids[:3] == ("c", "1", "d")]
        assert found(reader, f"{root}/c/1", {"from_": [{"collection_id": "d"}]}) == (inside, 0)


def found(reader, parent, query):
    """Return the rows of *query*, and how many documents its offset skipped."""
    result = reader.select(
        parse_query(parent, types.StructuredQuery.pb(types.StructuredQuery(query)))
    )
    rows = [
        Row(
            tuple(document.name.split("/")[5:]),
            document.fields["n"].integer_value if "n" in document.fields else None,
            document.fields["write"].integer_value,
        )
        for document in result.documents()
    ]
    return rows, result.skipped


@pytest.fixture
def make_model():
    models = []

    def make(seed):
        models.append(Model(random.Random(seed)))
        models[-1].fill()
        return models[-1]

    yield make
    for model in models:
        model.storage.close()


@pytest.mark.parametrize("seed", range(4))
def test_a_query_finds_the_documents_of_its_time(make_model, seed):
    model = make_model(seed)
    for _ in range(20):
        model.commit(model.rng.randrange(1, 6))
        check(model.storage.latest(), model.rows)


def test_a_writer_finds_what_it_has_written_and_nobody_what_was_undone(make_model):
    model = make_model(10)
    for _ in range(10):
        undone = dict(model.rows)
        with contextlib.suppress(ZeroDivisionError), model.storage.writing() as writer:
            for _ in range(5):
                model.change(writer, undone)
            check(writer, undone)
            raise ZeroDivisionError
        check(model.storage.latest(), model.rows)


def test_a_reader_keeps_what_it_read(make_model):
    model = make_model(20)
    for _ in range(10):
        before = dict(model.rows)
        reader = model.storage.latest()
        check(reader, before)
        model.commit(10)
        check(reader, before)
        check(model.storage.latest(), model.rows)


def test_numbers_are_ordered_exactly_whether_integers_or_doubles():
    rng = random.Random(50)
    doubles = [rng.choice([-1, 1]) * rng.random() * 2.0 ** rng.randrange(64) for _ in range(300)]
    near = [int(double) + rng.randrange(-2, 3) for double in doubles]
    numbers = [*doubles, *(n for n in near if -(2**63) <= n < 2**63), -(2**63), 2**63 - 1, 2.0**63]
    rng.shuffle(numbers)

    def key(number):
        kind = "integer_value" if isinstance(number, int) else "double_value"
        return sort_key(Value(**{kind: number}))

    assert sorted(numbers, key=key) == sorted(numbers)
    assert len({key(number) for number in numbers}) == len(set(numbers))
