"""Unsupported calls and fields are refused with UNIMPLEMENTED, never ignored."""

import grpc
import pytest
from google.api_core.exceptions import MethodNotImplemented
from google.cloud import firestore
from google.cloud.firestore_v1 import types

pytestmark = pytest.mark.builtin


def query(**parts):
    return types.StructuredQuery(from_=[{"collection_id": "mails"}], **parts)


@pytest.mark.parametrize(
    ("call", "request_", "field"),
    [
        ("commit", {"writes": [{"transform": {"document": "d"}}]}, "transform"),
        ("commit", {"writes": [{"update": {"create_time": {"seconds": 1}}}]}, "create_time"),
        ("commit", {"request_options": {"request_tags": ["x"]}}, "request_options"),
        ("batch_write", {"labels": {"a": "b"}}, "labels"),
        ("begin_transaction", {"options": {"read_only": {"read_time": {}}}}, "read_time"),
        ("batch_get_documents", {"read_time": {"seconds": 1}}, "read_time"),
        ("run_query", {"explain_options": {}}, "explain_options"),
        ("run_query", {"structured_query": query(find_nearest={})}, "find_nearest"),
        (
            "run_aggregation_query",
            {"structured_aggregation_query": {"structured_query": query(find_nearest={})}},
            "find_nearest",
        ),
        ("list_documents", {"order_by": "n"}, "order_by"),
        ("list_collection_ids", {"read_time": {"seconds": 1}}, "read_time"),
    ],
)
def test_a_field_that_is_not_read_is_named(api, database, call, request_, field):
    whose = "parent" if call.startswith(("run", "list")) else "database"
    path = database if whose == "database" else f"{database}/documents"
    with pytest.raises(MethodNotImplemented, match=rf"\.{field}\b"):
        list(getattr(api, call)(request={whose: path, **request_}))


def test_a_field_of_the_future_is_not_ignored(firestore_address, database):
    request = types.CommitRequest.pb()(database=database).SerializeToString() + b"\x98\x06\x01"
    with grpc.insecure_channel(firestore_address) as channel:
        call = channel.unary_unary("/google.firestore.v1.Firestore/Commit")
        with pytest.raises(grpc.RpcError) as raised:
            call(request)

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_value_of_another_service_is_not_stored(api, database, make_write):
    with pytest.raises(MethodNotImplemented, match="function_value"):
        api.commit(database=database, writes=[make_write({"f": {"function_value": {"name": "x"}}})])


@pytest.mark.parametrize("method", ["ExecutePipeline", "Listen", "PartitionQuery", "Write"])
def test_a_method_that_is_not_served_is_refused(firestore_address, method):
    with grpc.insecure_channel(firestore_address) as channel:
        call = channel.unary_unary(f"/google.firestore.v1.Firestore/{method}")
        with pytest.raises(grpc.RpcError) as raised:
            call(b"")

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_metadata_is_no_field(firestore_address):
    client = firestore.Client(project="anything", database="any-name")
    client.document("mails/a").set({"n": 1})

    assert client.document("mails/a").get().to_dict() == {"n": 1}
