"""
Each limit: what is just within it is accepted, one more is refused.

The numbers are those of https://cloud.google.com/firestore/quotas and of the API's reference.
"""

import grpc
import pytest
from google.cloud.firestore_v1 import types

PATH = "/google.firestore.v1.Firestore/"


@pytest.fixture
def call(firestore_address):
    """Send a request of any size; return the status code."""

    def send(name, **parts):
        request = getattr(types, f"{name}Request")
        with grpc.insecure_channel(firestore_address) as channel:
            answers = channel.unary_stream(PATH + name)(request.serialize(request(**parts)))
            try:
                list(answers)
            except grpc.RpcError as error:
                return error.code()
        return grpc.StatusCode.OK

    return send


@pytest.fixture
def write(call, database):
    """Commit a document; return the status code."""

    def commit(fields=None, path="mails/a", **parts):
        update = types.Document(name=f"{database}/documents/{path}", fields=fields or {})
        return call("Commit", database=database, writes=[types.Write(update=update, **parts)])

    return commit


@pytest.fixture
def query(call, database):
    """Run a query on `mails`; return the status code."""

    def run(where):
        structured = {"from_": [{"collection_id": "mails"}], "where": where}
        return call("RunQuery", parent=f"{database}/documents", structured_query=structured)

    return run


def text(size):
    return {"string_value": "x" * size}


def numbers(count):
    return {"array_value": {"values": [{"integer_value": n} for n in range(count)]}}


def field_filter(path, op, value):
    return {"field_filter": {"field": {"field_path": path}, "op": op, "value": value}}


def nested(levels):
    value = {"integer_value": 1}
    for _ in range(levels):
        value = {"map_value": {"fields": {"m": value}}}
    return value


def vector(dimensions):
    elements = {"array_value": {"values": [{"double_value": 1}] * dimensions}}
    return {
        "map_value": {"fields": {"__type__": {"string_value": "__vector__"}, "value": elements}}
    }


def size_of_parts(n):
    """Return fields of *n* bytes, of which `mails/a` takes 24 and a document 32 more."""
    parts = {f"f{k}": text(200_000) for k in range(5)}
    taken = sum(len(name) + 1 + 200_001 for name in parts) + 24 + 32
    return {**parts, "last": text(n - taken - 6)}


def transforms(paths):
    return [{"field_path": path, "increment": {"integer_value": 1}} for path in paths]


def long_name(database, size):
    """Return the path of a document whose full name has *size* bytes."""
    left = size - len(f"{database}/documents/")
    segments = ["x" * 1000] * 5
    return "/".join([*segments, "x" * (left - len("/".join(segments)) - 1)])


def request_of(database, size):
    """Return the parts of a commit of *size* bytes."""

    def parts(padding):
        documents = [
            types.Document(
                name=f"{database}/documents/mails/{n}",
                fields={"f": {"bytes_value": b"x" * (1_000_000 if n else padding)}},
            )
            for n in range(11)
        ]
        return {"database": database, "writes": [types.Write(update=each) for each in documents]}

    rest = 500_000
    taken = len(types.CommitRequest.serialize(types.CommitRequest(**parts(rest))))
    return parts(rest + size - taken)


LIMITS = {
    "bytes of a request": (
        10 * 2**20,
        lambda ask, n: ask("call")("Commit", **request_of(ask("database"), n)),
    ),
    "bytes of an id": (1500, lambda ask, n: ask("write")(path="mails/" + "x" * n)),
    "bytes of a name": (6144, lambda ask, n: ask("write")(path=long_name(ask("database"), n))),
    "depth of collections": (100, lambda ask, n: ask("write")(path="/".join(["c/d"] * n))),
    "bytes of a document": (2**20, lambda ask, n: ask("write")(size_of_parts(n))),
    "bytes of a field name": (1500, lambda ask, n: ask("write")({"x" * n: text(1)})),
    "bytes of a value": (2**20 - 89, lambda ask, n: ask("write")({"f": text(n)})),
    "levels of nesting": (20, lambda ask, n: ask("write")({"f": nested(n)})),
    "dimensions of a vector": (2048, lambda ask, n: ask("write")({"f": vector(n)})),
    "transforms of a document": (
        500,
        lambda ask, n: ask("write")(update_transforms=transforms(f"f{k}" for k in range(n))),
    ),
    "segments of a transformed path": (
        20,
        lambda ask, n: ask("write")(update_transforms=transforms([".".join("a" * n)])),
    ),
    "disjunctions": (30, lambda ask, n: ask("query")(field_filter("f", "IN", numbers(n)))),
    "values of not-in": (10, lambda ask, n: ask("query")(field_filter("f", "NOT_IN", numbers(n)))),
    "bytes of a value in a filter": (
        1500,
        lambda ask, n: ask("query")(field_filter("f", "EQUAL", {"bytes_value": b"x" * n})),
    ),
    "fields with inequalities": (
        10,
        lambda ask, n: ask("query")(
            {
                "composite_filter": {
                    "op": "AND",
                    "filters": [
                        field_filter(f"f{k}", "GREATER_THAN", {"integer_value": 0})
                        for k in range(n)
                    ],
                }
            }
        ),
    ),
    "aggregations": (
        5,
        lambda ask, n: ask("call")(
            "RunAggregationQuery",
            parent=f"{ask('database')}/documents",
            structured_aggregation_query={
                "structured_query": {"from_": [{"collection_id": "mails"}]},
                "aggregations": [{"alias": f"a{k}", "count": {}} for k in range(n)],
            },
        ),
    ),
}


NOT_OF_THE_EMULATOR = (
    *("bytes of a request", "bytes of a name", "transforms of a document"),
    *("segments of a transformed path", "aggregations"),
)
OTHERWISE = pytest.mark.builtin("Google's emulator accepts more, or answers with another code")


@pytest.mark.parametrize(
    "limit",
    [pytest.param(each, marks=OTHERWISE if each in NOT_OF_THE_EMULATOR else ()) for each in LIMITS],
)
def test_what_is_at_the_limit_is_accepted_and_one_more_is_refused(request, limit):
    most, ask = LIMITS[limit]

    assert ask(request.getfixturevalue, most) is grpc.StatusCode.OK
    assert ask(request.getfixturevalue, most + 1) is grpc.StatusCode.INVALID_ARGUMENT
