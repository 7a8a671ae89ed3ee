"""The calls."""

from collections.abc import Iterator
from typing import Any

from google.api_core.exceptions import InvalidArgument

from cmc_webhook.local_firestore import messages, queries, resource_names, writes
from cmc_webhook.local_firestore.errors import Refusal
from cmc_webhook.local_firestore.messages import Message, timestamp
from cmc_webhook.local_firestore.resource_names import DocumentName, database_of, parse_document_of
from cmc_webhook.local_firestore.storage import ReadResult, Storage, StorageWriter
from cmc_webhook.local_firestore.transactions import Read, Transactions

_PAGE_SIZE = 300


class Calls:
    """Each method takes a request and yields its responses, or raises a Refusal."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._transactions = Transactions(storage)

    def batch_get_documents(self, request: Message) -> Iterator[Message]:
        """Yield each document of the request once, found or missing."""
        resource_names.check_database(request.database)
        names = {name: parse_document_of(request.database, name) for name in request.documents}
        mask = queries.parse_mask(request)
        begun, result, read_time = self._run(
            request, request.database, lambda reader: reader.get_all(names.values())
        )
        if begun:
            yield messages.BatchGetDocumentsResponse(transaction=begun)
        found = {document.name: document for document in result.documents()}
        # In the order of Firestore: found documents by name, then missing ones.
        for text in sorted(names, key=lambda text: (text not in found, names[text])):
            if text in found:
                document = queries.project(found[text], mask)
                yield messages.BatchGetDocumentsResponse(found=document, read_time=read_time)
            else:
                yield messages.BatchGetDocumentsResponse(missing=text, read_time=read_time)

    def list_documents(self, request: Message) -> Iterator[Message]:
        """Yield one page of a collection, by id; missing documents have only a name."""
        resource_names.check_parent(request.parent)
        resource_names.check_id(request.collection_id)
        mask = queries.parse_mask(request)
        latest = self._storage.latest()
        found = {
            ids[1]
            for ids in latest.paths_under(request.parent)
            if ids[0] == request.collection_id and (request.show_missing or len(ids) == 2)
        }
        ids, token = _page(found, request)
        response = messages.ListDocumentsResponse(next_page_token=token)
        for document_id in ids:
            name = DocumentName(request.parent, request.collection_id, document_id)
            if document := latest.get(name):
                response.documents.append(queries.project(document, mask))
            else:
                response.documents.add(name=str(name))
        yield response

    def list_collection_ids(self, request: Message) -> Iterator[Message]:
        """Yield one page of the ids of collections directly under a document or the root."""
        resource_names.check_parent(request.parent)
        paths = self._storage.latest().paths_under(request.parent)
        found = {collection for collection, *_ in paths}
        ids, token = _page(found, request)
        yield messages.ListCollectionIdsResponse(collection_ids=ids, next_page_token=token)

    def run_query(self, request: Message) -> Iterator[Message]:
        """Yield the documents; the first message may only have the number of skipped ones."""
        query = queries.parse_query(request.parent, request.structured_query)
        begun, result, read_time = self._run(
            request, database_of(request.parent), lambda reader: reader.select(query)
        )
        if result.skipped or begun or not result.found:
            yield messages.RunQueryResponse(
                skipped_results=result.skipped, transaction=begun, read_time=read_time
            )
        for document in result.documents():
            projected = queries.project(document, query.mask)
            yield messages.RunQueryResponse(document=projected, read_time=read_time)

    def run_aggregation_query(self, request: Message) -> Iterator[Message]:
        """Yield all aggregations in one message."""
        requested = request.structured_aggregation_query
        queries.check_aggregations(requested.aggregations)
        paths = queries.aggregated_paths(requested.aggregations)
        query = queries.parse_query(request.parent, requested.structured_query, paths)
        begun, result, read_time = self._run(
            request, database_of(request.parent), lambda reader: reader.select(query)
        )
        response = messages.RunAggregationQueryResponse(transaction=begun, read_time=read_time)
        for alias, value in queries.aggregate(requested.aggregations, result.found).items():
            response.result.aggregate_fields[alias].CopyFrom(value)
        yield response

    def begin_transaction(self, request: Message) -> Iterator[Message]:
        resource_names.check_database(request.database)
        begun = self._transactions.begin(request.database, request.options)
        yield messages.BeginTransactionResponse(transaction=begun)

    def rollback(self, request: Message) -> Iterator[Message]:
        self._transactions.rollback(request.transaction, request.database)
        yield messages.Empty()

    def commit(self, request: Message) -> Iterator[Message]:
        """Apply all writes in order with one commit time, or none of them."""
        resource_names.check_database(request.database)
        changes = writes.parse_writes(request.writes, request.database)
        if request.transaction and changes:
            self._transactions.check_writable(request.transaction, request.database)

        def write(writer: StorageWriter) -> Message:
            time_us = writer.tick()
            results = [_apply(change, writer, time_us) for change in changes]
            return messages.CommitResponse(write_results=results, commit_time=timestamp(time_us))

        yield self._transactions.commit(request.transaction, request.database, write)

    def batch_write(self, request: Message) -> Iterator[Message]:
        """Apply each write separately, with its own time; a malformed one refuses the request."""
        resource_names.check_database(request.database)
        changes = writes.parse_writes(request.writes, request.database)
        if len({change.name for change in changes}) < len(changes):
            raise InvalidArgument("A batch has two writes to one document.")

        def write(writer: StorageWriter) -> Message:
            response = messages.BatchWriteResponse()
            for change in changes:
                result, status = response.write_results.add(), response.status.add()
                # A Refusal is raised before anything is stored: no rollback is needed.
                try:
                    result.CopyFrom(_apply(change, writer, writer.tick()))
                except Refusal as refusal:
                    code: Any = refusal.grpc_status_code
                    status.code, status.message = code.value[0], refusal.message
            return response

        yield self._transactions.commit(b"", request.database, write)

    def _run(
        self, request: Message, database: str, read: Read
    ) -> tuple[bytes, ReadResult, Message]:
        """Return the id of the transaction that the request begins or b"", result, read time."""
        begins = request.HasField("new_transaction")
        begun = self._transactions.begin(database, request.new_transaction) if begins else b""
        result, time_us = self._transactions.run(begun or request.transaction, database, read)
        return begun, result, timestamp(time_us)


def _apply(change: writes.Change, writer: StorageWriter, time_us: int) -> Message:
    stored = writer.get(change.name)
    document, result = writes.apply(change, stored, time_us)
    if document is not stored:
        writer.put(change.name, document)
    return result


def _page(ids: set[str], request: Message) -> tuple[list[str], str]:
    """Return those of *ids* on the requested page, sorted, and the token of the next page."""
    if request.page_size < 0:
        raise InvalidArgument("The page size is negative.")
    size = min(request.page_size or _PAGE_SIZE, _PAGE_SIZE)
    key, last = resource_names.id_key, request.page_token
    left = [each for each in sorted(ids, key=key) if not last or key(each) > key(last)]
    return left[:size], left[size - 1] if len(left) > size else ""
