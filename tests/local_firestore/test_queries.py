"""Queries over one collection."""

import itertools
import random
from datetime import UTC, datetime

import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud.firestore import And, FieldFilter, Or
from google.cloud.firestore_v1 import GeoPoint
from google.cloud.firestore_v1.vector import Vector

NAN = float("nan")


def ids(query):
    return [snapshot.id for snapshot in query.stream()]


def where(collection, *arguments):
    return collection.where(filter=FieldFilter(*arguments))


@pytest.fixture
def typed(mails, store):
    """One document of each kind of value in `v`, and one without."""
    store(
        none={"v": None},
        nan={"v": NAN},
        one={"v": 1},
        one_double={"v": 1.0},
        two={"v": 2},
        text={"v": "x"},
        list={"v": [1, "x", {"k": 1}]},
        empty_list={"v": []},
        map={"v": {"k": 1}},
        without={"w": 1},
    )
    return mails


@pytest.mark.parametrize(
    ("operator", "operand", "found"),
    [
        ("==", 1, "one one_double"),
        ("==", "x", "text"),
        ("==", [1, "x", {"k": 1}], "list"),
        ("==", {"k": 1}, "map"),
        ("==", None, "none"),
        ("==", NAN, "nan"),
        (">", 1, "two"),
        (">=", 1, "one one_double two"),
        ("<", 2, "one one_double"),
        ("<=", "x", "text"),
        ("<", "x", ""),
        (">", [1], "list"),
        ("!=", 1, "nan two text empty_list list map"),
        ("!=", None, "nan one one_double two text empty_list list map"),
        ("!=", NAN, "one one_double two text empty_list list map"),
        ("in", [2, "x", {"k": 1}, None], "map text two"),
        ("not-in", [1, "x"], "nan two empty_list list map"),
        ("not-in", [1, None], ""),
        ("array_contains", 1, "list"),
        ("array_contains", {"k": 1}, "list"),
        ("array_contains", 2, ""),
        ("array_contains_any", [2, "x"], "list"),
    ],
)
def test_a_filter_finds(typed, operator, operand, found):
    assert ids(where(typed, "v", operator, operand)) == found.split()


@pytest.mark.parametrize(
    ("operand", "operator"),
    [
        ({"null_value": 0}, "EQUAL"),
        ({"null_value": 0}, "LESS_THAN_OR_EQUAL"),
        ({"null_value": 0}, "NOT_EQUAL"),
        ({"double_value": NAN}, "EQUAL"),
        ({"double_value": NAN}, "LESS_THAN_OR_EQUAL"),
        pytest.param(
            {"double_value": NAN},
            "NOT_EQUAL",
            marks=pytest.mark.builtin("Google's emulator answers otherwise"),
        ),
    ],
)
def test_null_and_nan_are_found_by_the_filters_for_them_alone(
    api, database, typed, operator, operand
):
    """The client turns == and != into unary filters; a plain filter finds nothing."""
    plain = {"field": {"field_path": "v"}, "op": operator, "value": operand}
    query = {"from_": [{"collection_id": typed.id}], "where": {"field_filter": plain}}
    parent = f"{database}/documents"

    responses = api.run_query(request={"parent": parent, "structured_query": query})

    assert not any("document" in response for response in responses)


@pytest.mark.parametrize("operator", ["LESS_THAN", "GREATER_THAN_OR_EQUAL"])
def test_a_comparison_with_null_finds_nothing_and_orders_nothing(api, database, typed, operator):
    field = {"field_path": "v"}
    compared = {"field": field, "op": operator, "value": {"null_value": 0}}
    other = {"field": {"field_path": "w"}, "op": "EQUAL", "value": {"integer_value": 1}}
    query = {
        "from_": [{"collection_id": typed.id}],
        "where": {
            "composite_filter": {
                "op": "OR",
                "filters": [{"field_filter": compared}, {"field_filter": other}],
            }
        },
    }
    request = {"parent": f"{database}/documents", "structured_query": query}

    # The document has no `v`, so that an order by it would leave it out.
    found = [r.document.name.rpartition("/")[2] for r in api.run_query(request=request)]
    assert found == ["without"]


def test_a_filter_reaches_into_maps_and_through_quoted_paths(mails, store):
    store(a={"m": {"x.y": 1}}, b={"m": {"x": {"y": 1}}})

    assert ids(where(mails, "m.`x.y`", "==", 1)) == ["a"]
    assert ids(where(mails, "m.x.y", "==", 1)) == ["b"]


def test_filters_are_joined_by_and_and_by_or(mails, store):
    store(**{f"d{a}{b}": {"a": a, "b": b} for a, b in itertools.product(range(3), range(3))})
    either = Or([FieldFilter("a", "==", 0), FieldFilter("b", "==", 2)])
    both = And([FieldFilter("a", "==", 2), FieldFilter("b", "in", [0, 1])])

    assert ids(mails.where(filter=either)) == ["d00", "d01", "d02", "d12", "d22"]
    assert ids(mails.where(filter=both)) == ["d20", "d21"]
    assert ids(mails.where(filter=Or([both, And([either, FieldFilter("a", "==", 1)])]))) == [
        "d12",
        "d20",
        "d21",
    ]
    assert ids(where(where(mails, "a", ">", 0), "b", "<", 1)) == ["d10", "d20"]


def test_documents_are_found_by_their_name(mails, store):
    store(a={}, b={}, c={}, d={})
    between = where(
        where(mails, "__name__", ">", mails.document("a")), "__name__", "<=", mails.document("c")
    )

    assert ids(where(mails, "__name__", "==", mails.document("b"))) == ["b"]
    assert ids(where(mails, "__name__", "in", [mails.document("d"), mails.document("a")])) == [
        "a",
        "d",
    ]
    assert ids(between) == ["b", "c"]


MIXED_ORDER = [
    None,
    False,
    True,
    NAN,
    float("-inf"),
    -(2**63),
    -1.5,
    0,
    1,
    2**53 + 1.0,
    2**53 + 1,
    float("inf"),
    datetime(2025, 1, 25, 14, 3, 6, tzinfo=UTC),
    datetime(2025, 1, 25, 14, 3, 6, 1, tzinfo=UTC),
    "",
    "A",
    "a",
    "aa",
    "é",
    "件",
    "\uffff",
    "🙂",
    b"",
    b"\x00",
    b"\xff",
    GeoPoint(-90, 180),
    GeoPoint(35, 139),
    GeoPoint(35, 140),
    [],
    [1],
    [1, 2],
    [2],
    ["a"],
    Vector([9.0]),
    Vector([1.0, 2.0]),
    {},
    {"a": 1},
    {"a": 1, "b": 1},
    {"a": 2},
    {"b": 0},
]


def test_mixed_types_have_one_order(mails):
    places = list(range(len(MIXED_ORDER)))
    random.Random(7).shuffle(places)
    for document_id, place in enumerate(places):
        mails.document(f"{document_id:03}").set({"v": MIXED_ORDER[place], "place": place})

    up = [d.get("place") for d in mails.order_by("v").stream()]
    down = [d.get("place") for d in mails.order_by("v", direction="DESCENDING").stream()]

    assert up == sorted(places)
    assert down == sorted(places, reverse=True)


def test_references_are_ordered_by_segment(client, mails):
    for n, path in enumerate(["c/a-b", "c/a/d/x", "c/a", "b/z"]):
        mails.document(str(n)).set({"v": client.document(path)})

    assert [d.get("v").path for d in mails.order_by("v").stream()] == [
        "b/z",
        "c/a",
        "c/a/d/x",
        "c/a-b",
    ]


def test_a_document_without_the_ordered_field_is_left_out(mails, store):
    store(a={"n": 1}, b={"other": 1}, c={"n": None})

    assert ids(mails.order_by("n")) == ["c", "a"]


def test_ties_are_in_the_order_of_ids_in_the_last_direction(mails, store):
    store(a={"n": 1}, b={"n": 2}, c={"n": 1})

    assert ids(mails.order_by("n")) == ["a", "c", "b"]
    assert ids(mails.order_by("n", direction="DESCENDING")) == ["b", "c", "a"]


def test_several_fields_order_each_in_its_direction(mails, store):
    store(**{f"{x}{y}": {"x": x, "y": y} for x, y in itertools.product("ab", range(3))})

    assert ids(mails.order_by("x", direction="DESCENDING").order_by("y")) == [
        "b0",
        "b1",
        "b2",
        "a0",
        "a1",
        "a2",
    ]


def test_an_inequality_orders_by_its_field(mails, store):
    store(a={"n": 3}, b={"n": 1}, c={"n": 2})

    assert ids(where(mails, "n", ">", 1)) == ["c", "a"]


@pytest.mark.parametrize(
    ("cursor", "found"),
    [
        (lambda query: query.start_at({"n": 2}), "c d e"),
        (lambda query: query.start_after({"n": 2}), "e"),
        (lambda query: query.end_at({"n": 2}), "a b c d"),
        (lambda query: query.end_before({"n": 2}), "a b"),
        (lambda query: query.start_at({"n": 1}).end_before({"n": 3}), "b c d"),
        (lambda query: query.start_at({"n": "text"}), ""),
        (lambda query: query.start_after({"n": None}), "a b c d e"),
    ],
)
def test_cursors_of_values(mails, store, cursor, found):
    store(a={"n": 0}, b={"n": 1}, c={"n": 2}, d={"n": 2}, e={"n": 3})

    assert ids(cursor(mails.order_by("n"))) == found.split()


def test_cursors_of_a_descending_order(mails, store):
    store(a={"n": 0}, b={"n": 1}, c={"n": 2})
    descending = mails.order_by("n", direction="DESCENDING")

    assert ids(descending.start_after({"n": 2})) == ["b", "a"]
    assert ids(descending.end_at({"n": 1})) == ["c", "b"]


@pytest.mark.parametrize("direction", ["ASCENDING", "DESCENDING"])
def test_pages_by_the_last_document_have_every_document_once(mails, store, direction):
    store(**{f"d{n}": {"n": n % 3} for n in range(10)})
    query = mails.order_by("n", direction=direction)

    pages, last = [], None
    while page := list((query.start_after(last) if last else query).limit(4).stream()):
        pages += [d.id for d in page]
        last = page[-1]

    assert pages == ids(query)
    assert len(set(pages)) == 10


def test_offset_and_limit_cut_the_result(mails, store):
    store(**{f"d{n}": {"n": n} for n in range(5)})

    assert ids(mails.order_by("n").offset(1).limit(2)) == ["d1", "d2"]
    assert ids(mails.offset(9)) == []
    assert ids(mails.limit(0)) == []


def test_the_last_ones_come_in_order(mails, store):
    store(**{f"d{n}": {"n": n} for n in range(5)})

    assert [d.id for d in mails.order_by("n").limit_to_last(2).get()] == ["d3", "d4"]


def test_a_projection_has_only_its_fields(mails, store):
    store(a={"n": 1, "m": {"x": 2, "y": 3}}, b={"other": 4})

    assert [d.to_dict() for d in mails.select(["n", "m.x"]).stream()] == [
        {"n": 1, "m": {"x": 2}},
        {},
    ]
    assert [(d.id, d.to_dict()) for d in mails.select([]).stream()] == [("a", {}), ("b", {})]


def test_a_collection_is_only_itself(client, mails, store):
    store(a={"n": 1})
    mails.document("a").collection("mails").document("inner").set({"n": 1})
    client.collection("mails2").document("other").set({"n": 1})

    assert ids(mails) == ["a"]
    assert ids(mails.document("a").collection("mails")) == ["inner"]


def test_a_query_sees_every_write_before_it(mails):
    for n in range(20):
        mails.document(f"d{n:02}").set({"n": n})
        assert len(ids(where(mails, "n", ">=", 0))) == n + 1


@pytest.mark.parametrize(
    "make",
    [
        lambda c: where(c, "v", "in", list(range(31))),
        lambda c: where(c, "v", "not-in", list(range(11))),
        lambda c: where(c, "v", "in", []),
        lambda c: where(where(c, "v", "in", list(range(6))), "w", "in", list(range(6))),
        lambda c: where(where(c, "v", "array_contains", 1), "w", "array_contains", 1),
        pytest.param(
            lambda c: where(c, "v", "==", [[1]]),
            marks=pytest.mark.builtin("Google's emulator does not refuse it, or in other words"),
        ),
        lambda c: where(c, "__name__", "==", "text"),
        lambda c: c.order_by("v").order_by("v"),
        lambda c: c.order_by("__name__").order_by("v"),
        lambda c: c.limit(-1),
        lambda c: c.offset(-1),
        lambda c: where(where(c, "v", "array_contains", 1), "w", "array_contains_any", [1]),
        lambda c: where(where(c, "v", "!=", 1), "w", "!=", 1),
        lambda c: where(where(c, "v", "!=", None), "v", "not-in", [1]),
        lambda c: where(where(c, "v", "not-in", [1]), "w", "in", [1]),
        lambda c: where(where(c, "v", "not-in", [1]), "w", "array_contains_any", [1]),
        lambda c: c.where(
            filter=Or([FieldFilter("v", "not-in", [1]), FieldFilter("v", "==", None)])
        ),
        lambda c: where(where(c, "v", ">", 1), "__name__", "==", c.document("a")),
        lambda c: where(c._client.collection_group(""), "v", "==", 1),
        lambda c: c._client.collection_group("").order_by("v"),
    ],
)
def test_a_query_that_firestore_refuses_is_refused(mails, make):
    with pytest.raises(InvalidArgument):
        ids(make(mails))
