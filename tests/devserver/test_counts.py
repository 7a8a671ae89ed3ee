"""A count from a table is the count of what the query finds."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud.firestore_v1.base_query import FieldFilter

pytestmark = pytest.mark.builtin

BEGIN = datetime(2025, 1, 25, tzinfo=UTC)
ODD = [None, 5, float("nan"), "text", [1], {"a": 1}, BEGIN.isoformat(), b"x"]


def some(rng, values):
    return rng.choice([*values, *values, *values, *ODD])


def fields(rng):
    made = {
        "status": some(rng, ["sent", "failed"]),
        "domain": some(rng, ["a", "b", ""]),
        "at": some(rng, [BEGIN + timedelta(hours=rng.randrange(10))]),
    }
    return {name: value for name, value in made.items() if rng.random() < 0.9}


def questions(mails, rng):
    """Yield queries that a table can answer, and some that it cannot."""
    for _ in range(40):
        since, until = (BEGIN + timedelta(hours=rng.randrange(12)) for _ in range(2))
        query = mails.where(filter=FieldFilter("at", rng.choice([">=", ">="]), since))
        query = query.where(filter=FieldFilter("at", rng.choice(["<", "<", "<="]), until))
        for field, values in (("status", ["sent", "failed", "x"]), ("domain", ["a", ""])):
            if rng.random() < 0.6:
                query = query.where(filter=FieldFilter(field, "==", rng.choice([*values, 5])))
        if rng.random() < 0.3:
            query = query.where(filter=FieldFilter("status", "in", ["sent", "failed"]))
        yield query.limit(3) if rng.random() < 0.1 else query


@pytest.mark.parametrize("number", range(5))
def test_counts_are_those_of_the_documents_found(client, number):
    rng = random.Random(number)
    mails = client.collection("mails")
    for place in range(80):
        mails.document(str(place)).set(fields(rng))
    for query in questions(mails, rng):
        [[count]] = query.count().get()
        assert count.value == len(list(query.stream()))
        [[bounded]] = query.count().get() if count.value < 2 else query.limit(2).count().get()
        assert bounded.value == min(count.value, 2)


def test_a_count_knows_of_every_write_before_it(client):
    mails = client.collection("mails")
    query = mails.where(filter=FieldFilter("at", ">=", BEGIN))
    query = query.where(filter=FieldFilter("at", "<", BEGIN + timedelta(days=1)))

    def count():
        return query.count().get()[0][0].value

    counts = [count()]
    mails.document("a").set({"at": BEGIN})
    counts.append(count())
    mails.document("a").update({"at": BEGIN + timedelta(days=2)})
    counts.append(count())
    mails.document("b").set({"at": BEGIN})
    mails.document("a").delete()
    counts.append(count())
    client.collection("other").document("c").set({"at": BEGIN})
    counts.append(count())

    assert counts == [0, 1, 0, 1, 1]
