"""The calls that write, and those that begin and end transactions."""

import secrets
import string

from cmc_webhook.local_firestore import writes
from cmc_webhook.local_firestore.errors import InvalidArgument, Refusal
from cmc_webhook.local_firestore.messages import (
    BatchWriteResponse,
    BeginTransactionResponse,
    CommitResponse,
    Empty,
    Message,
    Write,
)
from cmc_webhook.local_firestore.queries import Mask, parse_mask, project
from cmc_webhook.local_firestore.resource_names import (
    check_database,
    check_id,
    check_parent,
    database_of,
)
from cmc_webhook.local_firestore.storage import StorageWriter
from cmc_webhook.local_firestore.transactions import Transactions

_ID_LETTERS = string.ascii_letters + string.digits
_ID_LENGTH = 20


class WriteCalls:
    """Each method takes a request and returns the response, or raises a Refusal."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def begin_transaction(self, request: Message) -> Message:
        """Return the id of a new transaction."""
        check_database(request.database)
        begun = self._transactions.begin(request.database, request.options)
        return BeginTransactionResponse(transaction=begun)

    def rollback(self, request: Message) -> Message:
        """End a transaction without writing."""
        self._transactions.rollback(request.transaction, request.database)
        return Empty()

    def commit(self, request: Message) -> Message:
        """Apply all writes in order with one commit time, or none of them."""
        check_database(request.database)
        changes = writes.parse_writes(request.writes, request.database)
        if request.transaction and changes:
            self._transactions.check_writable(request.transaction, request.database)

        def write(writer: StorageWriter) -> Message:
            response = CommitResponse()
            time_us = writer.tick()
            for change in changes:
                response.write_results.append(_apply(change, writer, time_us))
            response.commit_time.FromMicroseconds(time_us)
            return response

        return self._transactions.commit(request.transaction, request.database, write)

    def batch_write(self, request: Message) -> Message:
        """Apply each write separately, with its own time; a malformed one refuses the request."""
        check_database(request.database)
        changes = writes.parse_writes(request.writes, request.database)
        if len({change.name for change in changes}) < len(changes):
            raise InvalidArgument("A batch has two writes to one document.")

        def write(writer: StorageWriter) -> Message:
            response = BatchWriteResponse()
            for change in changes:
                result, status = response.write_results.add(), response.status.add()
                # A Refusal is raised before anything is stored: no rollback is needed.
                try:
                    result.CopyFrom(_apply(change, writer, writer.tick()))
                except Refusal as refusal:
                    status.code = refusal.code.value[0]
                    status.message = str(refusal)
            return response

        return self._transactions.commit(b"", request.database, write)

    def create_document(self, request: Message) -> Message:
        """Create a document, with a random id if none is given, and return it."""
        check_parent(request.parent)
        check_id(request.collection_id)
        if request.document.name:
            raise InvalidArgument("The document to create has a name already.")
        write = Write(update=request.document)
        document_id = request.document_id or _new_id()
        write.update.name = f"{request.parent}/{request.collection_id}/{document_id}"
        write.current_document.exists = False
        return self._write(write, write.update.name, parse_mask(request))

    def update_document(self, request: Message) -> Message:
        """Replace a document, or set the fields of the mask, and return it."""
        write = Write(update=request.document)
        if request.HasField("update_mask"):
            write.update_mask.CopyFrom(request.update_mask)
        if request.HasField("current_document"):
            write.current_document.CopyFrom(request.current_document)
        return self._write(write, write.update.name, parse_mask(request))

    def delete_document(self, request: Message) -> Message:
        """Delete a document, which need not exist unless the precondition says so."""
        write = Write(delete=request.name)
        if request.HasField("current_document"):
            write.current_document.CopyFrom(request.current_document)
        self._write(write, request.name, None)
        return Empty()

    def _write(self, write: Message, name: str, mask: Mask) -> Message | None:
        """Apply a single write to the document *name*; return the fields of *mask*."""
        database = database_of(name)
        [change] = writes.parse_writes([write], database)

        def apply(writer: StorageWriter) -> Message | None:
            _apply(change, writer, writer.tick())
            return writer.get(change.name)

        document = self._transactions.commit(b"", database, apply)
        return document and project(document, mask)


def _apply(change: writes.Change, writer: StorageWriter, time_us: int) -> Message:
    stored = writer.get(change.name)
    document, result = writes.apply(change, stored, time_us)
    if document is not stored:
        writer.put(change.name, document)
    return result


def _new_id() -> str:
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
