"""
Readers and writers find the documents of their time, in their scope; numbers in order.

They run on the storage, without a server, because there are thousands of queries.
"""

import contextlib
import random

import pytest

from cmc_webhook.local_firestore import queries
from cmc_webhook.local_firestore.messages import Value
from cmc_webhook.local_firestore.resource_names import DocumentName
from cmc_webhook.local_firestore.storage import Storage
from cmc_webhook.local_firestore.stored import StoredDocument
from cmc_webhook.local_firestore.values import sort_key
from tests.support.random_queries import DOCUMENTS, ROOTS, document, structured

pytestmark = pytest.mark.builtin


def random_query(rng):
    while True:
        root = rng.choice(ROOTS)
        try:
            return queries.parse_query(root, structured(rng, root))
        except queries.InvalidArgument:
            continue


class Model:
    """A storage, and the documents that it should have."""

    def __init__(self):
        self.storage = Storage(":memory:")
        self.documents = {}

    def put(self, writer, held, rng):
        parent = rng.choice(ROOTS)
        collection = rng.choices(["c", "d"], [19, 1])[0]
        if rng.random() < 0.05:
            parent = f"{parent}/{collection}/{rng.randrange(3)}"
        name = DocumentName(parent, collection, str(rng.randrange(2 * DOCUMENTS)))
        content = None if rng.random() < 0.4 else document(rng, name)
        writer.put(name, content)
        held[name] = content

    def fill(self, rng):
        with self.storage.writing() as writer:
            for root in ROOTS:
                for number in range(DOCUMENTS):
                    name = DocumentName(root, "c", str(number))
                    self.documents[name] = document(rng, name)
                    writer.put(name, self.documents[name])

    def commit(self, rng, count):
        with self.storage.writing() as writer:
            for _ in range(count):
                self.put(writer, self.documents, rng)

    def check(self, reader, query, documents):
        held = [
            StoredDocument(document.SerializeToString())
            for name, document in documents.items()
            if document is not None and query.scope.contains(name)
        ]
        found, skipped = queries.evaluate(query, held)
        result = reader.select(query)

        assert result.documents() == [document.message() for document in found], query
        assert result.skipped == skipped


@pytest.fixture
def make_model():
    models = []

    def make(rng):
        model = Model()
        models.append(model)
        model.fill(rng)
        return model

    yield make
    for model in models:
        model.storage.close()


@pytest.mark.parametrize("number", range(4))
def test_a_query_finds_the_documents_of_its_time(make_model, number):
    rng = random.Random(number)
    model = make_model(rng)
    for _ in range(40):
        model.commit(rng, rng.randrange(1, 6))
        for _ in range(4):
            model.check(model.storage.latest(), random_query(rng), model.documents)


def test_a_writer_finds_what_it_has_written_and_nobody_what_was_undone(make_model):
    rng = random.Random(10)
    model = make_model(rng)
    for _ in range(30):
        undone = dict(model.documents)
        query = random_query(rng)
        with contextlib.suppress(ZeroDivisionError), model.storage.writing() as writer:
            for _ in range(5):
                model.put(writer, undone, rng)
            model.check(writer, query, undone)
            raise ZeroDivisionError
        model.check(model.storage.latest(), query, model.documents)


def test_a_reader_keeps_what_it_read(make_model):
    rng = random.Random(20)
    model = make_model(rng)
    for _ in range(30):
        before = dict(model.documents)
        query = random_query(rng)
        reader = model.storage.latest()
        model.check(reader, query, before)
        model.commit(rng, 10)
        model.check(reader, query, before)
        model.check(model.storage.latest(), query, model.documents)


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
