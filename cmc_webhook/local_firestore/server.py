"""The gRPC server: registers the calls and answers refusals with their status codes."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from cmc_webhook.local_firestore.calls import Calls
from cmc_webhook.local_firestore.errors import Refusal, StartError
from cmc_webhook.local_firestore.indexes import parse_definitions
from cmc_webhook.local_firestore.messages import Message
from cmc_webhook.local_firestore.storage import Storage
from cmc_webhook.local_firestore.supported_fields import parse_request

LOOPBACK = "127.0.0.1"
_SERVICE = "google.firestore.v1.Firestore"
# The calls that have any number of responses; the others have one.
_STREAMING = {"BatchGetDocuments", "RunAggregationQuery", "RunQuery"}
# Each running call takes one, also a call that waits for a transaction.
_THREADS = 256
_GRACE_S = 1.0
_OPTIONS = [
    # Otherwise two servers can share a port, and each gets some of the calls.
    ("grpc.so_reuseport", 0),
    # No limit: gRPC would refuse a long request with another status code than Firestore.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]


class FirestoreServer:
    """A running server on *address*; it closes *storage*."""

    def __init__(self, storage: Storage, host: str, port: int) -> None:
        self._storage = storage
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="firestore")
        self._server = grpc.server(self._threads, options=_OPTIONS)
        generic = grpc.method_handlers_generic_handler(_SERVICE, _handlers(Calls(storage)))
        self._server.add_generic_rpc_handlers((generic,))
        try:
            self.port: int = self._server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            storage.close()
            raise StartError(
                f"Port {port} is in use: stop the program that uses it, or choose another with"
                " --firestore-port."
            ) from error
        self.address = f"{host}:{self.port}"
        self._server.start()

    def reset(self) -> None:
        """Delete all documents of all projects; open transactions that read any are aborted."""
        self._storage.clear()

    def stop(self) -> None:
        """Wait up to a second for running calls, then release port and file."""
        self._server.stop(_GRACE_S).wait()
        self._threads.shutdown()
        self._storage.close()


def start(
    data: str, port: int, *, host: str = LOOPBACK, indexes: Mapping[str, Any] | None = None
) -> FirestoreServer:
    """Serve the documents in the file *data*, or `:memory:`, on *port*; 0 is any free port.

    *host*: on any other than 127.0.0.1, every program that reaches it can read and change
    everything. *indexes*: the content of a firestore.indexes.json; queries that need any
    other index are refused. Without it they are answered, and the index is logged.

    Keep the returned server: it also stops when it is garbage-collected. Raise StartError
    if it cannot start.
    """
    definitions = None if indexes is None else parse_definitions(indexes)
    return FirestoreServer(Storage(data, definitions), host, port)


def _handlers(calls: Calls) -> dict[str, Any]:
    methods = {
        "BatchGetDocuments": calls.batch_get_documents,
        "BatchWrite": calls.batch_write,
        "BeginTransaction": calls.begin_transaction,
        "Commit": calls.commit,
        "ListCollectionIds": calls.list_collection_ids,
        "ListDocuments": calls.list_documents,
        "Rollback": calls.rollback,
        "RunAggregationQuery": calls.run_aggregation_query,
        "RunQuery": calls.run_query,
    }
    return {name: _handler(name, call) for name, call in methods.items()}


def _handler(name: str, call: Callable[[Message], Iterator[Message]]) -> Any:
    def handle(data: bytes, context: Any) -> Iterator[bytes]:
        try:
            for response in call(parse_request(name, data)):
                yield response.SerializeToString()
        except Refusal as refusal:
            context.abort(refusal.grpc_status_code, refusal.message)

    if name in _STREAMING:
        return grpc.unary_stream_rpc_method_handler(handle)
    return grpc.unary_unary_rpc_method_handler(lambda data, context: next(handle(data, context)))
