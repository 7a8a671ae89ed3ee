"""Random values, documents and queries, as protobuf; Firestore may refuse the queries."""

import math

from google.cloud.firestore_v1 import types

ROOTS = [f"projects/{project}/databases/(default)/documents" for project in ("a", "b")]
DOCUMENTS = 60
PATHS = ["p", "q", "r", "m.x", "m.`y.z`", "m", "__name__"]
COMPARISONS = ["LESS_THAN", "LESS_THAN_OR_EQUAL", "GREATER_THAN", "GREATER_THAN_OR_EQUAL"]
OPERATORS = [*COMPARISONS, "EQUAL", "NOT_EQUAL", "IN", "NOT_IN"]
UNARY = ["IS_NAN", "IS_NULL", "IS_NOT_NAN", "IS_NOT_NULL"]
ELEMENTS = ["ARRAY_CONTAINS", "ARRAY_CONTAINS_ANY"]


def scalar(rng):
    return rng.choice(
        [
            {"null_value": 0},
            {"boolean_value": rng.random() < 0.5},
            {"integer_value": rng.choice([-1, 0, 1, 2, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)])},
            {"double_value": rng.choice([-0.0, 0.5, 1.0, 2.0**53, math.inf, -math.inf, math.nan])},
            {"timestamp_value": {"seconds": rng.randrange(-2, 3), "nanos": rng.choice([0, 1000])}},
            {"string_value": rng.choice(["", "a", "a\0", "a\0b", "ab", "b", "é", "🙂", "\uffff"])},
            {"bytes_value": rng.choice([b"", b"\0", b"\0\1", b"\0\xff", b"a", b"\xff"])},
            {"reference_value": rng.choice(ROOTS) + rng.choice(["/c/7", "/c/__id7__", "/c/7/d/e"])},
            {"geo_point_value": {"latitude": rng.choice([-1, 0, 1]), "longitude": 0}},
        ]
    )


def value(rng):
    if rng.random() < 0.8:
        return scalar(rng)
    array = {"array_value": {"values": [scalar(rng) for _ in range(rng.randrange(3))]}}
    return rng.choice([array, vector(rng), {"map_value": {"fields": {"k": scalar(rng)}}}])


def vector(rng):
    numbers = [{"double_value": rng.choice([0, 1])} for _ in range(rng.randrange(1, 3))]
    fields = {"__type__": {"string_value": "__vector__"}}
    return {"map_value": {"fields": fields | {"value": {"array_value": {"values": numbers}}}}}


def document(rng, name):
    fields = {path: value(rng) for path in "pqr" if rng.random() < 0.9}
    inner = {path: value(rng) for path in ("x", "y.z") if rng.random() < 0.8}
    if rng.random() < 0.8:
        fields["m"] = {"map_value": {"fields": inner}} if rng.random() < 0.9 else scalar(rng)
    return types.Document.pb(types.Document(name=str(name), fields=fields))


def operand(rng, path, root):
    if path == "__name__":
        return {"reference_value": f"{root}/c/{rng.randrange(DOCUMENTS)}"}
    return value(rng)


def leaf(rng, root):
    path = rng.choice(PATHS)
    operators = OPERATORS if path == "__name__" else [*OPERATORS, *ELEMENTS, *UNARY]
    operator = rng.choice(operators)
    field = {"field_path": path}
    if operator in UNARY:
        return {"unary_filter": {"field": field, "op": operator}}
    compared = operand(rng, path, root)
    if operator == "NOT_EQUAL" and math.isnan(compared.get("double_value", 0)):
        # No client sends this, and Google's emulator answers it with NaN.
        return {"unary_filter": {"field": field, "op": "IS_NOT_NAN"}}
    if operator in ("IN", "NOT_IN", "ARRAY_CONTAINS_ANY"):
        several = [operand(rng, path, root) for _ in range(rng.randrange(1, 4))]
        compared = {"array_value": {"values": [v for v in several if "array_value" not in v]}}
        if not compared["array_value"]["values"]:
            return leaf(rng, root)
    return {"field_filter": {"field": field, "op": operator, "value": compared}}


def where(rng, root, depth=0):
    if depth == 2 or rng.random() < 0.5:
        return leaf(rng, root)
    parts = [where(rng, root, depth + 1) for _ in range(rng.randrange(1, 4))]
    return {"composite_filter": {"op": rng.choice(["AND", "OR"]), "filters": parts}}


def structured(rng, root):
    """Return a random query, which Firestore may refuse."""
    orders = rng.sample(PATHS, rng.choice([0, 0, 1, 1, 2]))
    collection = "" if rng.random() < 0.05 else "c"
    query = {
        "from_": [{"collection_id": collection, "all_descendants": rng.random() < 0.05}],
        "order_by": [
            {"field": {"field_path": path}, "direction": rng.choice(["ASCENDING", "DESCENDING"])}
            for path in orders
        ],
    }
    if rng.random() < 0.8:
        query["where"] = where(rng, root)
    for cursor in ("start_at", "end_at"):
        if rng.random() < 0.3:
            values = [operand(rng, path, root) for path in orders]
            query[cursor] = {"values": values, "before": rng.random() < 0.5}
    if rng.random() < 0.3:
        query["offset"] = rng.randrange(30)
    message = types.StructuredQuery.pb(types.StructuredQuery(query))
    if rng.random() < 0.3:
        message.limit.value = rng.randrange(40)
    return message
