"""What each call of Firestore does to the storage and answers. No gRPC in it."""

import logging
from collections.abc import Iterator, Sequence

from cmc_webhook.devserver import field_paths, queries, writes
from cmc_webhook.devserver.aggregations import aggregate, aggregated_paths, check_aggregations
from cmc_webhook.devserver.counts import Counts, Question, question
from cmc_webhook.devserver.errors import InvalidArgument, Refusal
from cmc_webhook.devserver.indexes import Index, needed_indexes
from cmc_webhook.devserver.messages import (
    BatchGetDocumentsResponse,
    BatchWriteResponse,
    CommitResponse,
    Document,
    ListCollectionIdsResponse,
    ListDocumentsResponse,
    Message,
    RunAggregationQueryResponse,
    RunQueryResponse,
)
from cmc_webhook.devserver.names import check_database, check_id, check_parent, parse_document_of
from cmc_webhook.devserver.status import code_of
from cmc_webhook.devserver.storage import Storage, Transaction

_log = logging.getLogger(__name__)

_PAGE_SIZE = 300


class FirestoreService:
    """Each method takes a request and returns its answer or answers, or raises a Refusal."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._counts = Counts()
        self._indexes_logged: set[Index] = set()

    def commit(self, request: Message) -> Message:
        """Apply all writes in order and at one time, or none."""
        check_database(request.database)
        changes = writes.parse_writes(request.writes, request.database)
        response = CommitResponse()
        with self._storage.transaction() as transaction:
            time_us = transaction.tick()
            for change in changes:
                response.write_results.append(_apply(change, transaction, time_us))
        response.commit_time.FromMicroseconds(time_us)
        return response

    def batch_write(self, request: Message) -> Message:
        """Apply each write by itself, at its own time; a malformed one refuses them all."""
        check_database(request.database)
        changes = writes.parse_writes(request.writes, request.database)
        if len({change.name for change in changes}) < len(changes):
            raise InvalidArgument("A batch has two writes to one document.")
        response = BatchWriteResponse()
        with self._storage.transaction() as transaction:
            for change in changes:
                result, status = response.write_results.add(), response.status.add()
                # A refusal comes before anything is stored, so there is nothing to roll back.
                try:
                    result.CopyFrom(_apply(change, transaction, transaction.tick()))
                except Refusal as refusal:
                    status.code = code_of(refusal).value[0]
                    status.message = str(refusal)
        return response

    def batch_get_documents(self, request: Message) -> Iterator[Message]:
        """Answer each document of the request, found or missing, once."""
        check_database(request.database)
        names = {name: parse_document_of(request.database, name) for name in request.documents}
        mask = _parse_mask(request)
        documents, read_us = self._storage.read(names.values())
        # As Firestore does: what is there by name, then what is missing.
        for text, name in sorted(
            names.items(), key=lambda item: (item[1] not in documents, item[1])
        ):
            response = BatchGetDocumentsResponse()
            response.read_time.FromMicroseconds(read_us)
            if name not in documents:
                response.missing = text
            else:
                response.found.CopyFrom(_masked(documents[name], mask))
            yield response

    def list_documents(self, request: Message) -> Message:
        """Answer one page of a collection, by id."""
        check_parent(request.parent)
        check_id(request.collection_id)
        size = _page_size(request)
        mask = _parse_mask(request)
        documents, _ = self._storage.scan(
            request.parent, request.collection_id, after=request.page_token, limit=size + 1
        )
        response = ListDocumentsResponse()
        response.documents.extend(_masked(document, mask) for document in documents[:size])
        if len(documents) > size:
            response.next_page_token = documents[size - 1].name.rpartition("/")[2]
        return response

    def list_collection_ids(self, request: Message) -> Message:
        """Answer one page of the collections of a document, or of the root."""
        check_parent(request.parent)
        size = _page_size(request)
        ids = self._storage.collection_ids(request.parent, after=request.page_token, limit=size + 1)
        token = ids[size - 1] if len(ids) > size else ""
        return ListCollectionIdsResponse(collection_ids=ids[:size], next_page_token=token)

    def run_query(self, request: Message) -> Iterator[Message]:
        """Answer how many were skipped, if any, and the documents; one message at least."""
        query = queries.parse_query(request.structured_query)
        self._log_indexes(needed_indexes(request.structured_query))
        found, skipped, read_us = self._run(request.parent, query)
        if skipped or not found:
            response = RunQueryResponse(skipped_results=skipped)
            response.read_time.FromMicroseconds(read_us)
            yield response
        for document in found:
            response = RunQueryResponse(document=_masked(document, query.projection))
            response.read_time.FromMicroseconds(read_us)
            yield response

    def run_aggregation_query(self, request: Message) -> Iterator[Message]:
        """Answer all aggregations in one message."""
        asked = request.structured_aggregation_query
        check_aggregations(asked.aggregations)
        query = queries.parse_query(asked.structured_query)
        paths = aggregated_paths(asked.aggregations)
        self._log_indexes(needed_indexes(asked.structured_query, paths))
        counted = None if paths else question(request.parent, asked.structured_query)
        if counted:
            found, read_us = self._count(request.parent, query, counted)
        else:
            found, _, read_us = self._run(request.parent, query)
        response = RunAggregationQueryResponse()
        response.read_time.FromMicroseconds(read_us)
        for alias, value in aggregate(asked.aggregations, found).items():
            response.result.aggregate_fields[alias].CopyFrom(value)
        yield response

    def _run(self, parent: str, query: queries.Query) -> tuple[list[Message], int, int]:
        check_parent(parent)
        documents, read_us = self._storage.scan(parent, query.collection)
        return *queries.run(query, documents), read_us

    def _count(
        self, parent: str, query: queries.Query, counted: Question
    ) -> tuple[list[Message], int]:
        """Return as many documents, without fields, as there are, and the time of which it is."""
        check_parent(parent)
        _, read_us = self._storage.scan(parent, query.collection, limit=0)
        version = self._storage.version
        count = self._counts.count(
            counted, version, lambda: self._storage.scan(parent, query.collection)[0]
        )
        return [Document()] * count, read_us

    def _log_indexes(self, needed: set[Index]) -> None:
        for index in needed - self._indexes_logged:
            self._indexes_logged.add(index)
            _log.info("the real Firestore needs an index for this query: %s", index.command())


def _apply(change: writes.Change, transaction: Transaction, time_us: int) -> Message:
    held = transaction.get(change.name)
    document, result = writes.apply(change, held, time_us)
    if document is not held:
        transaction.put(change.name, document)
    return result


def _parse_mask(request: Message) -> list[field_paths.FieldPath] | None:
    if not request.HasField("mask"):
        return None
    return [field_paths.parse(text) for text in request.mask.field_paths]


def _masked(document: Message, mask: Sequence[field_paths.FieldPath] | None) -> Message:
    return document if mask is None else queries.project(document, mask)


def _page_size(request: Message) -> int:
    if request.page_size < 0:
        raise InvalidArgument("The page size is negative.")
    return min(request.page_size or _PAGE_SIZE, _PAGE_SIZE)
