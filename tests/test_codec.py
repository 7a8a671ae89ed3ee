"""Our encoding is Google's, in both directions."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.cloud.firestore import GeoPoint
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1._helpers import encode_value

from cmc_webhook import codec

VALUES = [
    None,
    "text 日本😀",
    "",
    0,
    -5,
    2**62,
    1.5,
    True,
    False,
    b"\xff\x00",
    datetime(2025, 1, 25, 5, 3, 6, 123456, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2025, 1, 25, 14, 3, 6, tzinfo=timezone(timedelta(hours=9))),
    [],
    {},
    ["a", {"b": [1]}],
    {"日本": {"a.b": "c"}, "": "empty name", "null": None},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_is_encoded_as_the_client_library_does(value):
    ours = types.Value.pb()()
    codec.encode(value, ours)

    assert ours == types.Value.pb(encode_value(value))
    assert codec.decode(ours) == value


def test_a_document_has_all_values_but_none():
    document = types.Document.pb()()
    codec.encode_document({str(n): value for n, value in enumerate(VALUES)}, document)

    expected = {
        str(n): types.Value.pb(encode_value(v)) for n, v in enumerate(VALUES) if v is not None
    }
    assert {**document.fields} == expected


def test_what_only_others_write_survives():
    theirs = types.Value.pb(encode_value({"kept": [None, GeoPoint(1, 2)]}))
    ours = types.Value.pb()()
    codec.encode(codec.decode(theirs), ours)

    assert ours == theirs


def test_it_is_a_copy_so_that_it_keeps_nothing_else_in_memory():
    theirs = types.Value.pb(encode_value(GeoPoint(1, 2)))
    copied = codec.decode(theirs)
    theirs.geo_point_value.latitude = 3

    assert copied.geo_point_value.latitude == 1


def test_what_has_no_value_is_refused():
    with pytest.raises(TypeError, match="object"):
        codec.encode(object(), types.Value.pb()())
