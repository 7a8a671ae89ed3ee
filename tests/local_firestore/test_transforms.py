"""Field transforms."""

import datetime
import math

import pytest
from google.cloud import firestore

Increment, Maximum, Minimum = firestore.Increment, firestore.Maximum, firestore.Minimum
NAN = float("nan")


@pytest.mark.builtin("Google's emulator answers otherwise")
def test_the_server_time_is_one_for_the_whole_commit_and_in_milliseconds(client, mails):
    batch = client.batch()
    batch.set(mails.document("a"), {"at": firestore.SERVER_TIMESTAMP, "b": {"at": 1}})
    batch.update(mails.document("a"), {"b.at": firestore.SERVER_TIMESTAMP})
    batch.commit()

    a = mails.document("a").get()
    at = a.get("at")
    assert a.get("b.at") == at
    assert at.microsecond % 1000 == 0
    assert datetime.timedelta(0) <= a.update_time - at < datetime.timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("held", "transform", "stored"),
    [
        (1, Increment(2), 3),
        (1, Increment(0.5), 1.5),
        (1.5, Increment(1), 2.5),
        ("text", Increment(2), 2),
        (2**63 - 1, Increment(1), 2**63 - 1),
        (-(2**63), Increment(-1), -(2**63)),
        (1, Maximum(2), 2),
        (2, Maximum(1), 2),
        (3, Maximum(3.0), 3),
        (3.0, Maximum(3), 3.0),
        ("text", Maximum(1), 1),
        (1, Minimum(2), 1),
        (2, Minimum(1.5), 1.5),
        (3.0, Minimum(3), 3.0),
    ],
)
def test_numbers(mails, held, transform, stored):
    mails.document("a").set({"n": held})
    mails.document("a").update({"n": transform})

    n = mails.document("a").get().get("n")
    assert n == stored
    assert type(n) is type(stored)


@pytest.mark.parametrize(
    ("held", "transform"),
    [
        (1, Maximum(NAN)),
        (NAN, Maximum(1)),
        (1, Minimum(NAN)),
        (NAN, Minimum(1)),
        (NAN, Increment(1)),
    ],
)
def test_nothing_comes_back_from_nan(mails, held, transform):
    mails.document("a").set({"n": held})
    mails.document("a").update({"n": transform})

    assert math.isnan(mails.document("a").get().get("n"))


def test_numbers_of_a_missing_field_start_with_the_operand(mails):
    mails.document("a").set({"inc": Increment(1), "max": Maximum(2), "min": Minimum(3)})

    assert mails.document("a").get().to_dict() == {"inc": 1, "max": 2, "min": 3}


def test_a_union_adds_what_is_missing_once_and_in_order(mails):
    mails.document("a").set({"list": [1, "x", NAN, None]})
    mails.document("a").update(
        {"list": firestore.ArrayUnion([1.0, "y", "y", NAN, None, {"k": [1]}, {"k": [1.0]}])}
    )

    assert str(mails.document("a").get().get("list")) == "[1, 'x', nan, None, 'y', {'k': [1]}]"


def test_a_removal_takes_every_equal_element(mails):
    mails.document("a").set({"list": [1, 2, 1.0, {"k": 1}, 3]})
    mails.document("a").update({"list": firestore.ArrayRemove([1, {"k": 1}, 9])})

    assert mails.document("a").get().get("list") == [2, 3]


@pytest.mark.parametrize(
    ("transform", "stored"), [(firestore.ArrayUnion([1]), [1]), (firestore.ArrayRemove([1]), [])]
)
def test_what_is_no_array_becomes_one(mails, transform, stored):
    mails.document("a").set({"list": "text"})
    mails.document("a").update({"list": transform, "missing.inner": transform})

    assert mails.document("a").get().to_dict() == {"list": stored, "missing": {"inner": stored}}


def test_a_transform_that_changes_nothing_leaves_the_update_time(mails):
    first = mails.document("a").set({"list": [1], "n": 5}).update_time
    again = mails.document("a").update({"list": firestore.ArrayUnion([1]), "n": Maximum(4)})

    assert again.update_time == first


def test_the_result_tells_the_values(mails):
    mails.document("a").set({"n": 1, "list": []})
    result = mails.document("a").update({"n": Increment(4), "list": firestore.ArrayUnion([1])})

    assert sorted(str(value).strip() for value in result.transform_results) == [
        "integer_value: 5",
        "null_value: NULL_VALUE",
    ]
