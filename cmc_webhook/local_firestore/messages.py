"""The raw protobuf classes of Firestore, several times faster than their proto-plus wrappers."""

from typing import Any, TypeAlias

from google.cloud.firestore_v1 import types
from google.protobuf import empty_pb2, timestamp_pb2

# The generated classes have no type information.
Message: TypeAlias = Any

Document = types.Document.pb()
Empty: Message = empty_pb2.Empty
Value = types.Value.pb()
WriteResult = types.WriteResult.pb()

BatchGetDocumentsResponse = types.BatchGetDocumentsResponse.pb()
BatchWriteResponse = types.BatchWriteResponse.pb()
BeginTransactionResponse = types.BeginTransactionResponse.pb()
CommitResponse = types.CommitResponse.pb()
ListCollectionIdsResponse = types.ListCollectionIdsResponse.pb()
ListDocumentsResponse = types.ListDocumentsResponse.pb()
RunAggregationQueryResponse = types.RunAggregationQueryResponse.pb()
RunQueryResponse = types.RunQueryResponse.pb()
StructuredQuery = types.StructuredQuery.pb()


def timestamp(time_us: int) -> Message:
    """Return the Timestamp of *time_us*, microseconds since 1970."""
    message = timestamp_pb2.Timestamp()
    message.FromMicroseconds(time_us)
    return message
