"""The calls that read."""

from collections.abc import Iterator

from google.api_core.exceptions import InvalidArgument

from cmc_webhook.local_firestore import queries
from cmc_webhook.local_firestore.aggregations import aggregate, aggregated_paths, check_aggregations
from cmc_webhook.local_firestore.index_check import IndexCheck
from cmc_webhook.local_firestore.messages import (
    BatchGetDocumentsResponse,
    Document,
    ListCollectionIdsResponse,
    ListDocumentsResponse,
    Message,
    PartitionQueryResponse,
    RunAggregationQueryResponse,
    RunQueryResponse,
)
from cmc_webhook.local_firestore.repeatable_reads import Read, ReadResult, count, get_all, select
from cmc_webhook.local_firestore.resource_names import (
    DocumentName,
    check_database,
    check_id,
    check_parent,
    database_of,
    id_key,
    parse_document_of,
)
from cmc_webhook.local_firestore.storage import Storage, StorageReader
from cmc_webhook.local_firestore.transactions import Transactions

_PAGE_SIZE = 300
_MIN_PARTITION = 128


class ReadCalls:
    """Each method takes a request and returns or yields its responses, or raises a Refusal."""

    def __init__(
        self, storage: Storage, transactions: Transactions, index_check: IndexCheck
    ) -> None:
        self._storage = storage
        self._transactions = transactions
        self._index_check = index_check

    def batch_get_documents(self, request: Message) -> Iterator[Message]:
        """Yield each document of the request once, found or missing."""
        check_database(request.database)
        names = {name: parse_document_of(request.database, name) for name in request.documents}
        mask = queries.parse_mask(request)
        begun, result, read_us = self._run(request, request.database, get_all(names.values()))
        if begun:
            yield BatchGetDocumentsResponse(transaction=begun)
        found = {document.name: document for document in result.documents}
        # In the order of Firestore: found documents by name, then missing ones.
        for text in sorted(names, key=lambda text: (text not in found, names[text])):
            response = BatchGetDocumentsResponse()
            response.read_time.FromMicroseconds(read_us)
            if text in found:
                response.found.CopyFrom(queries.project(found[text], mask))
            else:
                response.missing = text
            yield response

    def list_documents(self, request: Message) -> Message:
        """Return one page of a collection, by id; missing documents have only a name."""
        check_parent(request.parent)
        check_id(request.collection_id)
        size = _page_size(request)
        mask = queries.parse_mask(request)
        response = ListDocumentsResponse()
        with self._storage.reading() as latest:
            ids = _after(_ids(latest, request), request.page_token)
            for document_id in ids[:size]:
                name = DocumentName(request.parent, request.collection_id, document_id)
                document = latest.get(name)
                response.documents.append(
                    queries.project(document, mask) if document else Document(name=str(name))
                )
        response.next_page_token = ids[size - 1] if len(ids) > size else ""
        return response

    def list_collection_ids(self, request: Message) -> Message:
        """Return one page of the collections of a document, or of the root."""
        check_parent(request.parent)
        size = _page_size(request)
        with self._storage.reading() as latest:
            ids = _after(latest.collection_ids(request.parent), request.page_token)
        token = ids[size - 1] if len(ids) > size else ""
        return ListCollectionIdsResponse(collection_ids=ids[:size], next_page_token=token)

    def run_query(self, request: Message) -> Iterator[Message]:
        """Yield the documents; the first message may only have the number of skipped ones."""
        query = queries.parse_query(request.parent, request.structured_query)
        self._index_check.check(query)
        begun, result, read_us = self._run(request, database_of(request.parent), select(query))
        first = RunQueryResponse(skipped_results=result.skipped, transaction=begun)
        if first.ByteSize() or not result.documents:
            first.read_time.FromMicroseconds(read_us)
            yield first
        for document in result.documents:
            response = RunQueryResponse(document=queries.project(document, query.mask))
            response.read_time.FromMicroseconds(read_us)
            yield response

    def run_aggregation_query(self, request: Message) -> Iterator[Message]:
        """Yield all aggregations in one message."""
        requested = request.structured_aggregation_query
        check_aggregations(requested.aggregations)
        paths = aggregated_paths(requested.aggregations)
        query = queries.parse_query(request.parent, requested.structured_query, paths)
        self._index_check.check(query)
        read = select(query) if paths else count(query)
        begun, result, read_us = self._run(request, database_of(request.parent), read)
        response = RunAggregationQueryResponse(transaction=begun)
        response.read_time.FromMicroseconds(read_us)
        values = aggregate(requested.aggregations, result.documents, result.found)
        for alias, value in values.items():
            response.result.aggregate_fields[alias].CopyFrom(value)
        yield response

    def partition_query(self, request: Message) -> Message:
        """Return cursors that split the result into parts."""
        if request.partition_count <= 0:
            raise InvalidArgument("The partition count is not positive.")
        query = queries.parse_query(request.parent, request.structured_query)
        with self._storage.reading() as latest:
            names, _ = latest.find(query)
        parts = min(request.partition_count + 1, len(names) // _MIN_PARTITION)
        response = PartitionQueryResponse()
        for part in range(1, parts):
            cursor = response.partitions.add(before=True)
            cursor.values.add(reference_value=str(names[part * len(names) // parts]))
        return response

    def _run(self, request: Message, database: str, read: Read) -> tuple[bytes, ReadResult, int]:
        """Return the id of the transaction that the request begins or b"", result, read time."""
        begun = b""
        if request.HasField("new_transaction"):
            begun = self._transactions.begin(database, request.new_transaction)
        return begun, *self._transactions.run(begun or request.transaction, database, read)


def _ids(latest: StorageReader, request: Message) -> set[str]:
    """Return the ids of a collection, with show_missing also those of missing parents."""
    ids = latest.document_ids(request.parent, request.collection_id)
    if request.show_missing:
        below = latest.parents_under(f"{request.parent}/{request.collection_id}")
        ids |= {path.partition("/")[0] for path in below}
    return ids


def _after(ids: set[str], token: str) -> list[str]:
    """Return *ids* sorted, starting after *token*."""
    return [each for each in sorted(ids, key=id_key) if not token or id_key(each) > id_key(token)]


def _page_size(request: Message) -> int:
    if request.page_size < 0:
        raise InvalidArgument("The page size is negative.")
    return min(request.page_size or _PAGE_SIZE, _PAGE_SIZE)
