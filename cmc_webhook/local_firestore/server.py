"""The local Firestore on its port; the only module that knows gRPC."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from cmc_webhook.local_firestore import messages
from cmc_webhook.local_firestore.errors import Refusal, StartError
from cmc_webhook.local_firestore.listen import Listener, Listeners
from cmc_webhook.local_firestore.messages import Message
from cmc_webhook.local_firestore.read_calls import Reads
from cmc_webhook.local_firestore.status import code_of
from cmc_webhook.local_firestore.storage import Storage
from cmc_webhook.local_firestore.supported_fields import parse_request
from cmc_webhook.local_firestore.transactions import Transactions
from cmc_webhook.local_firestore.write_calls import Commits

_HOST = "127.0.0.1"
_SERVICE = "google.firestore.v1.Firestore"
# One for each call under way, also for those that wait for a transaction, and each listener.
_THREADS = 256
_GRACE_S = 1.0
_OPTIONS = [
    # Two servers would share a port and each get some of the calls.
    ("grpc.so_reuseport", 0),
    # gRPC would refuse a long request with another code than Firestore does.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]


class FirestoreServer:
    """A running server, on 127.0.0.1 only."""

    def __init__(self, storage: Storage, port: int) -> None:
        self._storage = storage
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="firestore")
        self._server = grpc.server(self._threads, options=_OPTIONS)
        transactions = Transactions(storage)
        self._listeners = Listeners(storage)
        handlers = {
            **_reading(Reads(storage, transactions)),
            **_writing(Commits(transactions)),
            "Listen": _listening(self._listeners),
        }
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE, handlers), _NotServed())
        )
        try:
            self.port: int = self._server.add_insecure_port(f"{_HOST}:{port}")
        except RuntimeError as error:
            raise StartError(
                f"Port {port} is in use: stop the program that uses it, or choose another with"
                " --firestore-port."
            ) from error
        self.address = f"{_HOST}:{self.port}"
        self._server.start()

    def stop(self) -> None:
        """Let calls end, for a second at most, then give port and file free."""
        stopped = self._server.stop(_GRACE_S)
        self._listeners.stop()
        stopped.wait()
        self._threads.shutdown()
        self._storage.close()


def start(data: str, port: int) -> FirestoreServer:
    """
    Serve the documents in the file *data*, or in `:memory:`, on *port*, 0 for any free one.

    Raise StartError if that cannot be. The server ends with stop(), and also when nobody
    holds it any more.
    """
    storage = Storage(data)
    try:
        return FirestoreServer(storage, port)
    except StartError:
        storage.close()
        raise


class _NotServed(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Says no to every other method of Firestore."""

    def service(self, handler_call_details: Any) -> Any:
        def refuse(requests: Any, context: Any) -> Iterator[Message]:
            method = handler_call_details.method.rpartition("/")[2]
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"This server does not serve {method}.")
            yield

        return grpc.stream_stream_rpc_method_handler(refuse)


def _reading(reads: Reads) -> dict[str, Any]:
    return {
        "BatchGetDocuments": _many(messages.BatchGetDocumentsRequest, reads.batch_get_documents),
        "GetDocument": _one(messages.GetDocumentRequest, reads.get_document),
        "ListCollectionIds": _one(messages.ListCollectionIdsRequest, reads.list_collection_ids),
        "ListDocuments": _one(messages.ListDocumentsRequest, reads.list_documents),
        "PartitionQuery": _one(messages.PartitionQueryRequest, reads.partition_query),
        "RunAggregationQuery": _many(
            messages.RunAggregationQueryRequest, reads.run_aggregation_query
        ),
        "RunQuery": _many(messages.RunQueryRequest, reads.run_query),
    }


def _writing(commits: Commits) -> dict[str, Any]:
    return {
        "BatchWrite": _one(messages.BatchWriteRequest, commits.batch_write),
        "BeginTransaction": _one(messages.BeginTransactionRequest, commits.begin_transaction),
        "Commit": _one(messages.CommitRequest, commits.commit),
        "CreateDocument": _one(messages.CreateDocumentRequest, commits.create_document),
        "DeleteDocument": _one(messages.DeleteDocumentRequest, commits.delete_document),
        "Rollback": _one(messages.RollbackRequest, commits.rollback),
        "UpdateDocument": _one(messages.UpdateDocumentRequest, commits.update_document),
    }


def _one(request_class: Message, answer: Callable[[Message], Message]) -> Any:
    """Return the handler of a call with one answer."""

    def handle(data: bytes, context: Any) -> Message:
        try:
            return answer(parse_request(request_class, data))
        except Refusal as refusal:
            context.abort(code_of(refusal), str(refusal))

    return grpc.unary_unary_rpc_method_handler(handle, response_serializer=_serialize)


def _many(request_class: Message, answers: Callable[[Message], Iterator[Message]]) -> Any:
    """Return the handler of a call with a stream of answers."""

    def handle(data: bytes, context: Any) -> Iterator[Message]:
        try:
            yield from answers(parse_request(request_class, data))
        except Refusal as refusal:
            context.abort(code_of(refusal), str(refusal))

    return grpc.unary_stream_rpc_method_handler(handle, response_serializer=_serialize)


def _listening(listeners: Listeners) -> Any:
    """Return the handler of a call with a stream of requests, each with answers at any time."""

    def handle(requests: Iterator[bytes], context: Any) -> Iterator[Message]:
        listener = listeners.open()
        threading.Thread(target=_hear_all, args=(requests, listener), daemon=True).start()
        try:
            yield from listener.answers()
        except Refusal as refusal:
            context.abort(code_of(refusal), str(refusal))

    return grpc.stream_stream_rpc_method_handler(handle, response_serializer=_serialize)


def _hear_all(requests: Iterator[bytes], listener: Listener) -> None:
    # The error is the end of the call.
    with contextlib.suppress(grpc.RpcError):
        try:
            for data in requests:
                listener.hear(parse_request(messages.ListenRequest, data))
        except Refusal as refusal:
            listener.hear(refusal)
    listener.hear(None)


def _serialize(message: Message) -> bytes:
    return bytes(message.SerializeToString())
