"""
The recorder's documents: in memory, under real preconditions, with every operation counted.

What Firestore would do is done for top-level fields; whatever no contender sends is refused.
"""

import itertools
import threading
import time
from collections import Counter, defaultdict

import grpc
from google.cloud.firestore_v1 import types

_OK = grpc.StatusCode.OK


class Refused(Exception):
    """An RPC that fails, by its status code."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Documents:
    """
    All documents by name, and what each project has spent: RPCs, reads, writes. Thread-safe.

    A read that finds nothing is counted too, as Firestore bills it. Transactions are optimistic.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._documents = {}
        self._spent = defaultdict(Counter)
        self._transactions = {}
        self._transaction_ids = itertools.count(1)
        self._microseconds = itertools.count(time.time_ns() // 1_000)

    def batch_get(self, request):
        """Return one answer for each document asked for."""
        with self._lock:
            self._count(request, reads=len(request.documents))
            seen = self._seen(request) if request.transaction else {}
            answers = []
            for name in request.documents:
                document = self._documents.get(name)
                seen[name] = _version(document)
                answers.append(_answer(name, document, request.mask.field_paths))
        return iter(answers)

    def batch_write(self, request):
        """Try each write by itself."""
        names = {write.update.name for write in request.writes}
        response = types.BatchWriteResponse.pb()()
        with self._lock:
            self._count(request, tried=len(request.writes))
            if len(names) < len(request.writes):
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT)
            for write in request.writes:
                code = self._fault(write)
                result = response.write_results.add()
                response.status.add().code = code.value[0]
                if code is _OK:
                    result.update_time.CopyFrom(self._apply(request, write))
        return response

    def commit(self, request):
        """Apply all writes or none; here one document may be written several times."""
        response = types.CommitResponse.pb()()
        with self._lock:
            self._count(request, tried=len(request.writes))
            if request.transaction:
                seen = self._seen(request)
                del self._transactions[request.transaction]
                if any(_version(self._documents.get(n)) != v for n, v in seen.items()):
                    raise Refused(grpc.StatusCode.ABORTED)
            for write in request.writes:
                code = self._fault(write)
                if code is not _OK:
                    raise Refused(code)
            for write in request.writes:
                moment = self._apply(request, write)
                response.write_results.add().update_time.CopyFrom(moment)
                response.commit_time.CopyFrom(moment)
        return response

    def begin_transaction(self, request):
        with self._lock:
            self._count(request)
            transaction = b"%d" % next(self._transaction_ids)
            self._transactions[transaction] = {}
        return types.BeginTransactionResponse.pb()(transaction=transaction)

    def rollback(self, request):
        with self._lock:
            self._count(request)
            self._transactions.pop(request.transaction, None)
        return types.RollbackRequest.pb()()  # no field set: on the wire an Empty

    def list_documents(self, request):
        """Return a whole collection in one page, and count nothing."""
        prefix = f"{request.parent}/{request.collection_id}/"
        with self._lock:
            found = [held for name, held in self._documents.items() if name.startswith(prefix)]
        return types.ListDocumentsResponse.pb()(documents=found)

    def take(self, project):
        """Return what *project* has spent since this was last asked."""
        with self._lock:
            return self._spent.pop(project, Counter())

    def clear(self):
        with self._lock:
            self._documents.clear()

    def _count(self, request, **numbers):
        rpc = type(request).__name__.removesuffix("Request")
        self._spending(request).update({f"rpc {rpc}": 1, **numbers})

    def _spending(self, request):
        return self._spent[request.database.split("/")[1]]

    def _seen(self, request):
        """Return the versions read so far in the transaction of *request*."""
        if request.transaction not in self._transactions:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT)
        return self._transactions[request.transaction]

    def _fault(self, write):
        """Return the code with which *write* is refused, OK for none."""
        kinds = {each.WhichOneof("transform_type") for each in write.update_transforms}
        if write.WhichOneof("operation") != "update" or not kinds <= {"append_missing_elements"}:
            return grpc.StatusCode.UNIMPLEMENTED
        held = self._documents.get(write.update.name)
        wanted = write.current_document
        condition = wanted.WhichOneof("condition_type")
        if condition == "update_time" and _version(held) != _moment(wanted.update_time):
            return grpc.StatusCode.FAILED_PRECONDITION
        if condition == "exists" and wanted.exists != (held is not None):
            codes = grpc.StatusCode
            return codes.NOT_FOUND if wanted.exists else codes.ALREADY_EXISTS
        return _OK

    def _apply(self, request, write):
        """Store what *write* makes of its document and return the time of it."""
        self._spending(request)["writes"] += 1
        document = write.update
        if write.HasField("update_mask"):
            document = _merged(self._documents.get(document.name), write)
        document.update_time.FromMicroseconds(next(self._microseconds))
        document.create_time.CopyFrom(document.update_time)  # nobody here asks for the first
        self._documents[document.name] = document
        return document.update_time


def _merged(held, write):
    """Return *held*, now with the fields of the mask taken from *write*; without one, a new one."""
    # Changed in place: to copy it would outlast the latency, which is to hide this.
    document = held or types.Document.pb()(name=write.update.name)
    fields, written = document.fields, write.update.fields
    for name in write.update_mask.field_paths:
        if name in written:
            fields[name].CopyFrom(written[name])
        else:
            fields.pop(name, None)
    for transform in write.update_transforms:
        values = fields[transform.field_path].array_value.values
        for item in transform.append_missing_elements.values:
            if item not in values:
                values.append(item)
    return document


def _answer(name, document, field_paths):
    answer = types.BatchGetDocumentsResponse.pb()()
    if document is None:
        answer.missing = name
    elif not field_paths:
        answer.found.CopyFrom(document)
    else:
        answer.found.name = name
        answer.found.create_time.CopyFrom(document.create_time)
        answer.found.update_time.CopyFrom(document.update_time)
        for path in field_paths:
            if path in document.fields:
                answer.found.fields[path].CopyFrom(document.fields[path])
    return answer


def _moment(timestamp):
    return timestamp.seconds, timestamp.nanos


def _version(document):
    return None if document is None else _moment(document.update_time)
