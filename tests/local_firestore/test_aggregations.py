"""Count, sum and average."""

import math

import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud.firestore import FieldFilter
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.aggregation import AggregationQuery
from google.cloud.firestore_v1.base_aggregation import CountAggregation


def values(aggregation):
    [row] = aggregation.get()
    return {result.alias: result.value for result in row}


def numbers(mails, *held):
    for place, value in enumerate(held):
        mails.document(f"d{place}").set({"n": value})


def test_a_count_counts_what_the_query_finds(mails):
    numbers(mails, 1, 2, 3, "text")

    assert values(mails.count()) == {"field_1": 4}
    assert values(mails.where(filter=FieldFilter("n", ">", 1)).count("found")) == {"found": 2}
    assert values(mails.limit(3).count()) == {"field_1": 3}
    assert values(mails.order_by("n").start_at({"n": 2}).count()) == {"field_1": 3}


def test_a_count_of_nothing_is_zero(mails):
    assert values(mails.count()) == {"field_1": 0}


def test_several_aggregations_come_at_once_and_get_aliases_in_turn(mails):
    numbers(mails, 1, 2, 6)

    assert values(mails.count("all").sum("n").avg("n", alias="mean").count()) == {
        "all": 3,
        "field_1": 9,
        "mean": 3.0,
        "field_2": 3,
    }


@pytest.mark.parametrize(
    ("held", "total"),
    [
        ([1, 2], 3),
        ([1, 2.5], 3.5),
        ([1.5, 2.5], 4.0),
        ([1, "text", None, [5]], 1),
        ([2**63 - 1, 1], float(2**63)),
        ([-(2**63), -1, 1], -(2**63)),
    ],
)
def test_a_sum_is_an_integer_as_long_as_it_can_be(mails, held, total):
    numbers(mails, *held)

    [result] = values(mails.sum("n")).values()
    assert result == total
    assert type(result) is type(total)


def test_nan_makes_sum_and_average_nan(mails):
    numbers(mails, 1, float("nan"))

    assert all(math.isnan(value) for value in values(mails.sum("n").avg("n")).values())


def test_of_no_numbers_the_sum_is_an_integer_and_the_average_null(api, database, mails):
    """The client converts both to 0.0."""
    numbers(mails, "text")
    aggregations = [
        {name: {"field": {"field_path": "n"}}, "alias": name} for name in ("sum", "avg")
    ]
    query = {
        "structured_query": {"from_": [{"collection_id": "mails"}]},
        "aggregations": aggregations,
    }
    [response] = api.run_aggregation_query(
        request={"parent": f"{database}/documents", "structured_aggregation_query": query}
    )

    fields = types.RunAggregationQueryResponse.pb(response).result.aggregate_fields
    kinds = {alias: value.WhichOneof("value_type") for alias, value in fields.items()}
    assert kinds == {"sum": "integer_value", "avg": "null_value"}


def test_aggregations_together_count_only_documents_with_all_their_fields(mails):
    mails.document("both").set({"a": 1, "b": 2})
    mails.document("one").set({"a": 10})

    assert values(mails.sum("a")) == {"field_1": 11}
    assert values(mails.sum("a", alias="a").sum("b", alias="b").count("n")) == {
        "a": 1,
        "b": 2,
        "n": 1,
    }


def test_sum_and_average_with_a_limit_take_the_smallest_values(mails):
    """Without other orders, the result is sorted by the field."""
    numbers(mails, 9, 1, 5, 3)
    mails.document("without").set({})

    assert values(mails.limit(2).sum("n").avg("n")) == {"field_1": 4, "field_2": 2.0}


def test_a_sum_takes_equals_in_the_direction_of_the_last_order(mails):
    for n in (5, 1, 3):
        mails.add({"group": 1, "n": n})

    up, down = mails.order_by("group"), mails.order_by("group", direction="DESCENDING")

    assert values(up.limit(2).sum("n")) == {"field_1": 4}
    assert values(down.limit(2).sum("n")) == {"field_1": 8}


def test_a_sum_in_the_order_of_names_would_need_an_index_that_there_cannot_be(mails):
    numbers(mails, 9, 1)
    with pytest.raises(InvalidArgument, match="after __name__"):
        mails.order_by("__name__").sum("n").get()
    with pytest.raises(InvalidArgument, match="after __name__"):
        mails.where(filter=FieldFilter("__name__", ">", mails.document("a"))).sum("n").get()


def test_no_aggregation_and_a_doubled_alias_are_refused_in_firestores_words(mails):
    with pytest.raises(InvalidArgument, match="Aggregations can not be empty"):
        AggregationQuery(mails.limit(1)).get()
    with pytest.raises(InvalidArgument, match="Aggregation aliases contain duplicate alias"):
        mails.count("n").count("n").get()


@pytest.mark.parametrize(
    "aliases",
    [
        ("same", "same"),
        ("__reserved__",),
        pytest.param(
            tuple("abcdef"),
            marks=pytest.mark.builtin("Google's emulator does not refuse it, or in other words"),
        ),
    ],
)
def test_an_aggregation_that_firestore_refuses_is_refused(mails, aliases):
    aggregation = mails.count(aliases[0])
    for alias in aliases[1:]:
        aggregation.add_aggregation(CountAggregation(alias=alias))
    with pytest.raises(InvalidArgument):
        aggregation.get()
