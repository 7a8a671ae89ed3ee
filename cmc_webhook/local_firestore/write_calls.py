"""What each call that writes does, and those that begin and end transactions. No gRPC in it."""

import secrets
import string

from cmc_webhook.local_firestore import field_paths, writes
from cmc_webhook.local_firestore.errors import InvalidArgument, Refusal
from cmc_webhook.local_firestore.messages import (
    BatchWriteResponse,
    BeginTransactionResponse,
    CommitResponse,
    Empty,
    Message,
    Write,
)
from cmc_webhook.local_firestore.queries import project
from cmc_webhook.local_firestore.resource_names import (
    check_database,
    check_id,
    check_parent,
    database_of,
)
from cmc_webhook.local_firestore.status import code_of
from cmc_webhook.local_firestore.storage import Writer
from cmc_webhook.local_firestore.transactions import Transactions

_ID_LETTERS = string.ascii_letters + string.digits
_ID_LENGTH = 20


class Commits:
    """Each method takes a request and returns its answer, or raises a Refusal."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def begin_transaction(self, request: Message) -> Message:
        """Answer the id of a new transaction."""
        check_database(request.database)
        begun = self._transactions.begin(request.database, request.options)
        return BeginTransactionResponse(transaction=begun)

    def rollback(self, request: Message) -> Message:
        """End a transaction without a trace."""
        self._transactions.rollback(request.transaction, request.database)
        return Empty()

    def commit(self, request: Message) -> Message:
        """Apply all writes in order and at one time, or none."""
        check_database(request.database)
        changes = writes.parse_writes(request.writes, request.database)
        if request.transaction and changes:
            self._transactions.check_writable(request.transaction, request.database)

        def write(writer: Writer) -> Message:
            response = CommitResponse()
            time_us = writer.tick()
            for change in changes:
                response.write_results.append(_apply(change, writer, time_us))
            response.commit_time.FromMicroseconds(time_us)
            return response

        return self._transactions.commit(request.transaction, request.database, write)

    def batch_write(self, request: Message) -> Message:
        """Apply each write by itself, at its own time; a malformed one refuses them all."""
        check_database(request.database)
        changes = writes.parse_writes(request.writes, request.database)
        if len({change.name for change in changes}) < len(changes):
            raise InvalidArgument("A batch has two writes to one document.")

        def write(writer: Writer) -> Message:
            response = BatchWriteResponse()
            for change in changes:
                result, status = response.write_results.add(), response.status.add()
                # A refusal comes before anything is stored, so there is nothing to roll back.
                try:
                    result.CopyFrom(_apply(change, writer, writer.tick()))
                except Refusal as refusal:
                    status.code = code_of(refusal).value[0]
                    status.message = str(refusal)
            return response

        return self._transactions.commit(b"", request.database, write)

    def create_document(self, request: Message) -> Message:
        """Create a document, under a new id if none is given, and answer it."""
        check_parent(request.parent)
        check_id(request.collection_id)
        if request.document.name:
            raise InvalidArgument("The document to create has a name already.")
        write = Write(update=request.document)
        document_id = request.document_id or _new_id()
        write.update.name = f"{request.parent}/{request.collection_id}/{document_id}"
        write.current_document.exists = False
        return self._write(write, request)

    def update_document(self, request: Message) -> Message:
        """Set a document, or the fields of the mask, and answer it."""
        write = Write(update=request.document)
        if request.HasField("update_mask"):
            write.update_mask.CopyFrom(request.update_mask)
        if request.HasField("current_document"):
            write.current_document.CopyFrom(request.current_document)
        return self._write(write, request)

    def delete_document(self, request: Message) -> Message:
        """Delete a document, also one that is not there unless the request says otherwise."""
        write = Write(delete=request.name)
        if request.HasField("current_document"):
            write.current_document.CopyFrom(request.current_document)
        database = database_of(request.name)
        [change] = writes.parse_writes([write], database)
        self._transactions.commit(
            b"", database, lambda writer: _apply(change, writer, writer.tick())
        )
        return Empty()

    def _write(self, write: Message, request: Message) -> Message:
        """Apply one write that leaves a document, and return that as the request masks it."""
        database = database_of(write.update.name)
        [change] = writes.parse_writes([write], database)
        mask = [field_paths.parse(text) for text in request.mask.field_paths]

        def apply(writer: Writer) -> Message:
            _apply(change, writer, writer.tick())
            return writer.get(change.name)

        document = self._transactions.commit(b"", database, apply)
        return project(document, mask) if request.HasField("mask") else document


def _apply(change: writes.Change, writer: Writer, time_us: int) -> Message:
    held = writer.get(change.name)
    document, result = writes.apply(change, held, time_us)
    if document is not held:
        writer.put(change.name, document)
    return result


def _new_id() -> str:
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
