"""The raw protobuf classes of Firestore, several times faster than their proto-plus wrappers."""

from typing import Any, TypeAlias

from google.cloud.firestore_v1 import types
from google.protobuf import empty_pb2

# The generated classes have no type information.
Message: TypeAlias = Any

Document = types.Document.pb()
Empty: Message = empty_pb2.Empty
Value = types.Value.pb()
Write = types.Write.pb()
WriteResult = types.WriteResult.pb()

BatchGetDocumentsRequest = types.BatchGetDocumentsRequest.pb()
BatchGetDocumentsResponse = types.BatchGetDocumentsResponse.pb()
BatchWriteRequest = types.BatchWriteRequest.pb()
BatchWriteResponse = types.BatchWriteResponse.pb()
BeginTransactionRequest = types.BeginTransactionRequest.pb()
BeginTransactionResponse = types.BeginTransactionResponse.pb()
CommitRequest = types.CommitRequest.pb()
CommitResponse = types.CommitResponse.pb()
CreateDocumentRequest = types.CreateDocumentRequest.pb()
DeleteDocumentRequest = types.DeleteDocumentRequest.pb()
GetDocumentRequest = types.GetDocumentRequest.pb()
ListCollectionIdsRequest = types.ListCollectionIdsRequest.pb()
ListCollectionIdsResponse = types.ListCollectionIdsResponse.pb()
ListDocumentsRequest = types.ListDocumentsRequest.pb()
ListDocumentsResponse = types.ListDocumentsResponse.pb()
ListenRequest = types.ListenRequest.pb()
ListenResponse = types.ListenResponse.pb()
PartitionQueryRequest = types.PartitionQueryRequest.pb()
PartitionQueryResponse = types.PartitionQueryResponse.pb()
RollbackRequest = types.RollbackRequest.pb()
RunAggregationQueryRequest = types.RunAggregationQueryRequest.pb()
RunAggregationQueryResponse = types.RunAggregationQueryResponse.pb()
RunQueryRequest = types.RunQueryRequest.pb()
RunQueryResponse = types.RunQueryResponse.pb()
StructuredQuery = types.StructuredQuery.pb()
TargetChange = types.TargetChange.pb()
UpdateDocumentRequest = types.UpdateDocumentRequest.pb()
