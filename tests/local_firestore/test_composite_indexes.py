"""Which composite indexes the real Firestore requires."""

import logging

import pytest
from google.cloud.firestore import And, FieldFilter, Or

from cmc_webhook.local_firestore.composite_indexes import needed_indexes
from cmc_webhook.local_firestore.queries import parse_query

pytestmark = pytest.mark.builtin

EQUAL = FieldFilter("status", "==", "failed")
AFTER = FieldFilter("at", ">", 0)


def parsed(query, aggregated=()):
    root = "projects/p/databases/(default)/documents"
    return parse_query(root, query._to_protobuf()._pb, aggregated)


def commands(query, aggregated=()):
    needed = needed_indexes(parsed(query, aggregated))
    prefix = "gcloud firestore indexes composite create --collection-group=mails "
    return sorted(
        index.command().removeprefix(prefix).replace("--field-config=field-path=", "")
        for index in needed
    )


@pytest.mark.parametrize(
    ("make", "needed"),
    [
        (lambda c: c.select([]), []),
        (lambda c: c.order_by("at", direction="DESCENDING"), []),
        (lambda c: c.where(filter=AFTER).order_by("at"), []),
        (lambda c: c.where(filter=EQUAL).where(filter=FieldFilter("to", "==", "x")), []),
        (lambda c: c.where(filter=EQUAL).order_by("status"), []),
        (lambda c: c.where(filter=EQUAL).order_by("__name__"), []),
        (lambda c: c.where(filter=FieldFilter("tags", "array_contains", 1)), []),
        (lambda c: c.where(filter=Or([EQUAL, FieldFilter("to", "==", "x")])), []),
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
            lambda c: c.where(filter=FieldFilter("tags", "array_contains", 1)).order_by("at"),
            ["tags,array-config=contains at,order=ascending"],
        ),
        (
            lambda c: c.where(
                filter=Or([EQUAL, And([FieldFilter("to", "==", 1), EQUAL])])
            ).order_by("at"),
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
def test_a_query_needs(mails, make, needed):
    assert commands(make(mails)) == needed


def test_a_sum_under_a_filter_needs_an_index_with_its_field(mails):
    assert commands(mails.select([]), [("n",)]) == []
    assert commands(mails.where(filter=EQUAL), [("n",)]) == [
        "status,order=ascending n,order=ascending"
    ]


def test_the_server_says_once_what_index_a_query_needs(mails, caplog):
    query = mails.where(filter=EQUAL).order_by("only_here")
    with caplog.at_level(logging.INFO, "cmc_webhook.local_firestore"):
        for _ in range(3):
            list(query.stream())

    [message] = [record.message for record in caplog.records if "only_here" in record.message]
    assert "gcloud firestore indexes composite create --collection-group=mails" in message


def test_a_collection_group_needs_an_index_of_its_own_scope(client):
    group = client.collection_group("mails").where(filter=EQUAL).order_by("at")
    [index] = needed_indexes(parsed(group))

    assert "--collection-group=mails --query-scope=collection-group " in index.command()
