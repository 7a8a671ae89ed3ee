"""The calls that write, and those that begin and end transactions."""

from google.api_core.exceptions import InvalidArgument

from cmc_webhook.local_firestore import writes
from cmc_webhook.local_firestore.errors import Refusal, status
from cmc_webhook.local_firestore.messages import (
    BatchWriteResponse,
    BeginTransactionResponse,
    CommitResponse,
    Empty,
    Message,
    timestamp,
)
from cmc_webhook.local_firestore.resource_names import check_database
from cmc_webhook.local_firestore.storage import StorageWriter
from cmc_webhook.local_firestore.transactions import Transactions


class WriteCalls:
    """Each method takes a request and returns the response, or raises a Refusal."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def begin_transaction(self, request: Message) -> Message:
        check_database(request.database)
        begun = self._transactions.begin(request.database, request.options)
        return BeginTransactionResponse(transaction=begun)

    def rollback(self, request: Message) -> Message:
        self._transactions.rollback(request.transaction, request.database)
        return Empty()

    def commit(self, request: Message) -> Message:
        """Apply all writes in order with one commit time, or none of them."""
        check_database(request.database)
        changes = writes.parse_writes(request.writes, request.database)
        if request.transaction and changes:
            self._transactions.check_writable(request.transaction, request.database)

        def write(writer: StorageWriter) -> Message:
            time_us = writer.tick()
            results = [_apply(change, writer, time_us) for change in changes]
            return CommitResponse(write_results=results, commit_time=timestamp(time_us))

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
                result, result_status = response.write_results.add(), response.status.add()
                # A Refusal is raised before anything is stored: no rollback is needed.
                try:
                    result.CopyFrom(_apply(change, writer, writer.tick()))
                except Refusal as refusal:
                    result_status.CopyFrom(status(refusal))
            return response

        return self._transactions.commit(b"", request.database, write)


def _apply(change: writes.Change, writer: StorageWriter, time_us: int) -> Message:
    stored = writer.get(change.name)
    document, result = writes.apply(change, stored, time_us)
    if document is not stored:
        writer.put(change.name, document)
    return result
