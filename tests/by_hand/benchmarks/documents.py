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
from google.protobuf.timestamp_pb2 import Timestamp

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
    A write to a document is merged into it once somebody reads it: in the middle of a call, that
    would outlast the latency that is to hide it.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._documents = {}
        self._unmerged = defaultdict(list)
        self._versions = {}
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
                seen[name] = self._versions.get(name)
                answers.append(_answer(name, self._read(name), request.mask.field_paths))
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
                if any(self._versions.get(n) != v for n, v in seen.items()):
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
            names = [name for name in self._versions if name.startswith(prefix)]
            found = [self._read(name) for name in names]
        return types.ListDocumentsResponse.pb()(documents=found)

    def take(self, project):
        """Return what *project* has spent since this was last asked."""
        with self._lock:
            return self._spent.pop(project, Counter())

    def clear(self):
        with self._lock:
            self._documents.clear()
            self._unmerged.clear()
            self._versions.clear()

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
        held = self._versions.get(write.update.name)
        wanted = write.current_document
        condition = wanted.WhichOneof("condition_type")
        if condition == "update_time" and held != wanted.update_time:
            return grpc.StatusCode.FAILED_PRECONDITION
        if condition == "exists" and wanted.exists != (held is not None):
            codes = grpc.StatusCode
            return codes.NOT_FOUND if wanted.exists else codes.ALREADY_EXISTS
        return _OK

    def _apply(self, request, write):
        """Store what *write* makes of its document and return the time of it."""
        self._spending(request)["writes"] += 1
        name, moment = write.update.name, Timestamp()
        moment.FromMicroseconds(next(self._microseconds))
        self._versions[name] = moment
        if write.HasField("update_mask"):
            self._unmerged[name].append(write)
        else:
            self._documents[name] = write.update
            self._unmerged.pop(name, None)
        return moment

    def _read(self, name):
        """Return a document with all its writes, None if there is none."""
        if name not in self._versions:
            return None
        document = self._documents.setdefault(name, types.Document.pb()(name=name))
        for write in self._unmerged.pop(name, ()):
            _merge(document, write)
        document.update_time.CopyFrom(self._versions[name])
        document.create_time.CopyFrom(self._versions[name])  # nobody here asks for the first
        return document


def _merge(document, write):
    """Take the fields of the mask from *write*."""
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
