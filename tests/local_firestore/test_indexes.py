"""Which indexes the real Firestore requires, by its documentation; none of this ran there."""

import logging

import pytest
from google.api_core.exceptions import FailedPrecondition
from google.cloud import firestore
from google.cloud.firestore import And, FieldFilter, Or

from cmc_webhook.local_firestore.indexes import (
    IndexDefinitions,
    missing_indexes,
    parse_definitions,
)
from cmc_webhook.local_firestore.queries import parse_query
from cmc_webhook.local_firestore.server import start

pytestmark = pytest.mark.builtin

EQUAL = FieldFilter("status", "==", "failed")
TO = FieldFilter("to", "==", "x")
AFTER = FieldFilter("at", ">", 0)
TAGGED = FieldFilter("tags", "array_contains", 1)
CREATE = "gcloud firestore indexes composite create --collection-group=mails "

STATUS_AT = {
    "collectionGroup": "mails",
    "queryScope": "COLLECTION",
    "fields": [
        {"fieldPath": "status", "order": "ASCENDING"},
        {"fieldPath": "at", "order": "DESCENDING"},
    ],
}
TO_AT = STATUS_AT | {"fields": [{"fieldPath": "to", "order": "ASCENDING"}, STATUS_AT["fields"][1]]}
EXEMPTED = {"collectionGroup": "mails", "fieldPath": "map", "indexes": []}
OF_GROUP = {
    "collectionGroup": "mails",
    "fieldPath": "status",
    "indexes": [{"order": "ASCENDING", "queryScope": "COLLECTION_GROUP"}],
}


def parsed(query, aggregated=()):
    root = "projects/p/databases/(default)/documents"
    return parse_query(root, query._to_protobuf()._pb, aggregated)


def needed(query, aggregated=(), **content):
    missing = missing_indexes(parsed(query, aggregated), parse_definitions(content))
    return sorted(
        index.how_to_create().removeprefix(CREATE).replace("--field-config=field-path=", "")
        for index in missing
    )


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda c: c.select([]), []),
        (lambda c: c.order_by("__name__"), []),
        (lambda c: c.order_by("__name__").start_at({"__name__": "a"}), []),
        (lambda c: c.order_by("at", direction="DESCENDING"), []),
        (
            lambda c: c.order_by("at", direction="DESCENDING").order_by(
                "__name__", direction="DESCENDING"
            ),
            [],
        ),
        (lambda c: c.where(filter=AFTER).order_by("at"), []),
        (lambda c: c.where(filter=EQUAL), []),
        (lambda c: c.where(filter=EQUAL).where(filter=TO), []),
        (lambda c: c.where(filter=EQUAL).order_by("status"), []),
        (lambda c: c.where(filter=EQUAL).order_by("__name__"), []),
        (lambda c: c.where(filter=EQUAL).order_by("__name__", direction="DESCENDING"), []),
        (lambda c: c.where(filter=TAGGED), []),
        (lambda c: c.where(filter=TAGGED).where(filter=EQUAL), []),
        (lambda c: c.where(filter=Or([EQUAL, TO])), []),
        (
            lambda c: c.order_by("__name__", direction="DESCENDING"),
            ["__name__,order=descending"],
        ),
        (
            lambda c: c.order_by("at").order_by("__name__", direction="DESCENDING"),
            ["at,order=ascending __name__,order=descending"],
        ),
        (
            lambda c: c.where(filter=EQUAL).where(filter=AFTER),
            ["status,order=ascending at,order=ascending"],
        ),
        (
            lambda c: c.where(filter=EQUAL).order_by("at", direction="DESCENDING"),
            ["status,order=ascending at,order=descending"],
        ),
        (
            lambda c: c.where(filter=FieldFilter("status", "in", ["a", "b"])).order_by("at"),
            ["status,order=ascending at,order=ascending"],
        ),
        (
            lambda c: c.order_by("at").order_by("to", direction="DESCENDING"),
            ["at,order=ascending to,order=descending"],
        ),
        (
            lambda c: c.where(filter=AFTER).where(filter=FieldFilter("n", "<", 1)),
            ["at,order=ascending n,order=ascending"],
        ),
        (
            lambda c: c.where(filter=TAGGED).order_by("at"),
            ["tags,array-config=contains at,order=ascending"],
        ),
        (
            lambda c: c.where(filter=Or([EQUAL, And([TO, EQUAL])])).order_by("at"),
            [
                "status,order=ascending at,order=ascending",
                "status,order=ascending to,order=ascending at,order=ascending",
            ],
        ),
        (
            lambda c: c.order_by("m.`x.y`").order_by("to"),
            ["m.`x.y`,order=ascending to,order=ascending"],
        ),
    ],
)
def test_without_own_indexes_a_query_needs(mails, make, expected):
    assert needed(make(mails)) == expected


def newest(query):
    return query.order_by("at", direction="DESCENDING")


@pytest.mark.parametrize(
    ("make", "suffices"),
    [
        (lambda c: newest(c.where(filter=EQUAL)), True),
        (lambda c: newest(c.where(filter=EQUAL).where(filter=AFTER)), True),
        (
            lambda c: newest(c.where(filter=EQUAL)).order_by("__name__", direction="DESCENDING"),
            True,
        ),
        # Several indexes with the same order are merged.
        (lambda c: newest(c.where(filter=EQUAL).where(filter=TO)), True),
        (lambda c: newest(c.where(filter=EQUAL)).order_by("__name__"), False),
        (lambda c: newest(c.where(filter=EQUAL).where(filter=FieldFilter("n", "==", 1))), False),
        # No index is read backwards.
        (lambda c: c.where(filter=EQUAL).order_by("at"), False),
        (lambda c: newest(c.where(filter=FieldFilter("status", ">", "a"))), False),
        # An exemption of a map is one of its fields.
        (lambda c: c.order_by("map"), False),
        (lambda c: c.where(filter=FieldFilter("map.x", "==", 1)), False),
        (lambda c: c.where(filter=FieldFilter("map", "array_contains", 1)), False),
        (lambda c: c.order_by("mapped"), True),
    ],
)
def test_own_indexes_suffice(mails, make, suffices):
    found = needed(make(mails), indexes=[STATUS_AT, TO_AT], fieldOverrides=[EXEMPTED])

    assert (found == []) == suffices


def test_a_field_is_not_indexed_across_a_collection_group(client):
    group = client.collection_group("mails")

    assert needed(group.select([])) == []
    for query in (group.where(filter=EQUAL), group.order_by("at"), group.where(filter=TAGGED)):
        [sentence] = needed(query)
        assert "field override" in sentence
        assert "COLLECTION_GROUP" in sentence
    assert needed(group.where(filter=EQUAL), fieldOverrides=[OF_GROUP]) == []
    assert needed(newest(group.where(filter=EQUAL)), indexes=[STATUS_AT]) == [
        "--query-scope=collection-group status,order=ascending at,order=descending"
    ]
    across = STATUS_AT | {"queryScope": "COLLECTION_GROUP"}
    assert needed(newest(group.where(filter=EQUAL)), indexes=[across]) == []


def test_a_sum_under_a_filter_needs_an_index_with_its_field(mails):
    assert needed(mails.select([]), [("n",)]) == []
    assert needed(mails.where(filter=EQUAL), [("n",)]) == [
        "status,order=ascending n,order=ascending"
    ]


def test_an_exempted_field_is_indexed_again_by_the_command(mails):
    assert needed(mails.order_by("map"), fieldOverrides=[EXEMPTED]) == [
        "gcloud firestore indexes fields update map --collection-group=mails"
        " --index=order=ascending"
    ]


@pytest.fixture
def strict(monkeypatch):
    """A collection on a server that has one composite index and one exemption."""
    server = start(":memory:", 0, indexes={"indexes": [STATUS_AT], "fieldOverrides": [EXEMPTED]})
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
    yield firestore.Client(project="strict").collection("mails")
    server.stop()


def test_a_strict_server_refuses_queries_and_counts_whose_index_is_missing(strict):
    strict.document("a").set({"status": "failed", "at": 1, "map": 1})
    assert [d.id for d in newest(strict.where(filter=EQUAL)).stream()] == ["a"]

    for query in (strict.order_by("map"), newest(strict.where(filter=TO))):
        for ask in (query.get, query.count().get):
            with pytest.raises(FailedPrecondition, match=r"requires an index.*gcloud"):
                ask()


def test_a_strict_server_refuses_the_last_documents_by_name(strict):
    assert strict.order_by("at").limit_to_last(1).get() == []
    with pytest.raises(FailedPrecondition, match="field-path=__name__,order=descending"):
        strict.order_by("__name__").limit_to_last(1).get()


def test_a_server_without_definitions_answers_and_says_once_what_index_is_missing(mails, caplog):
    query = mails.where(filter=EQUAL).order_by("only_here")
    with caplog.at_level(logging.INFO, "cmc_webhook.local_firestore"):
        for _ in range(3):
            assert list(query.stream()) == []

    [message] = [record.message for record in caplog.records if "only_here" in record.message]
    assert "gcloud firestore indexes composite create --collection-group=mails" in message


def test_no_definitions_are_the_automatic_indexes():
    assert parse_definitions({}) == IndexDefinitions()
