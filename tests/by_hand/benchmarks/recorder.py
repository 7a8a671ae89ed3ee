"""
The recorder: a Firestore that counts, in a process of its own, and the client that reads it.

Each RPC takes effect in the middle of the injected latency and is answered at its end, so that
the recorder's own work, the parsing of the request too, is hidden in that time as long as it is
the shorter of the two.
"""

import argparse
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.cloud.firestore_v1 import types

from cmc_webhook.codec import decode_fields
from tests.by_hand.benchmarks.documents import Documents, Refused
from tests.support.processes import Program, free_port

_FIRESTORE = "google.firestore.v1.Firestore"
_CONTROL = "cmc.benchmark.Recorder"
_UNLIMITED = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1))
_THREADS = 64


class Recorder(Program):
    """A recorder on a free port, seen from the driver's process."""

    def __init__(self, latency_ms):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        arguments = ["--port", str(self.port), "--latency-ms", str(latency_ms)]
        super().__init__("tests.by_hand.benchmarks.recorder", *arguments)
        self.wait_for(self.port)
        self._channel = grpc.insecure_channel(self.address, options=_UNLIMITED)

    def take(self, project):
        """Return what *project* has spent since this was last asked, by name."""
        return Counter(json.loads(self._call(_CONTROL, "Take", project.encode())))

    def clear(self):
        """Forget all documents."""
        self._call(_CONTROL, "Clear", b"")

    def documents(self, project, collection="mail_statuses"):
        """Return the fields of each document of a collection."""
        parent = f"projects/{project}/databases/(default)/documents"
        request = types.ListDocumentsRequest.pb()(parent=parent, collection_id=collection)
        answer = self._call(_FIRESTORE, "ListDocuments", request.SerializeToString())
        found = types.ListDocumentsResponse.pb().FromString(answer).documents
        return [decode_fields(document.fields) for document in found]

    def stop(self):
        self._channel.close()
        super().stop()

    def _call(self, service, method, request):
        return self._channel.unary_unary(f"/{service}/{method}")(request, timeout=60)


def _slowly(kind, answer, latency_s):
    """Return a handler of serialized requests of a *kind* that answers after the latency."""

    def handle(serialized, context):
        end = time.monotonic() + latency_s
        time.sleep(latency_s / 2)
        try:
            answered = answer(kind.pb().FromString(serialized))
        except Refused as refused:
            context.abort(refused.code, "refused by the recorder")
        time.sleep(max(0.0, end - time.monotonic()))
        return answered

    return handle


def _serialized(message):
    return message.SerializeToString()


def _handlers(documents, latency_s):
    unary = {
        "BatchWrite": (types.BatchWriteRequest, documents.batch_write),
        "Commit": (types.CommitRequest, documents.commit),
        "BeginTransaction": (types.BeginTransactionRequest, documents.begin_transaction),
        "Rollback": (types.RollbackRequest, documents.rollback),
        "ListDocuments": (types.ListDocumentsRequest, documents.list_documents),
    }
    firestore = {
        name: grpc.unary_unary_rpc_method_handler(
            _slowly(request, answer, latency_s), response_serializer=_serialized
        )
        for name, (request, answer) in unary.items()
    }
    firestore["BatchGetDocuments"] = grpc.unary_stream_rpc_method_handler(
        _slowly(types.BatchGetDocumentsRequest, documents.batch_get, latency_s),
        response_serializer=_serialized,
    )
    control = {
        "Take": lambda request, _: json.dumps(documents.take(request.decode())).encode(),
        "Clear": lambda request, _: documents.clear() or b"",
    }
    control = {name: grpc.unary_unary_rpc_method_handler(call) for name, call in control.items()}
    return [
        grpc.method_handlers_generic_handler(_FIRESTORE, firestore),
        grpc.method_handlers_generic_handler(_CONTROL, control),
    ]


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tests.by_hand.benchmarks.recorder", description=__doc__
    )
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--latency-ms", type=float, default=5)
    options = parser.parse_args()
    server = grpc.server(
        ThreadPoolExecutor(_THREADS), options=(*_UNLIMITED, ("grpc.so_reuseport", 0))
    )
    server.add_generic_rpc_handlers(_handlers(Documents(), options.latency_ms / 1_000))
    if not server.add_insecure_port(f"127.0.0.1:{options.port}"):
        parser.error(f"port {options.port} is in use")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
