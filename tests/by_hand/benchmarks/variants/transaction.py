"""The textbook: one transaction for a post, that reads all documents and merges by rank."""

from google.cloud import firestore

from tests.by_hand.benchmarks.variants.shape import COLLECTION, RANKS, mails

_client = firestore.Client()
_collection = _client.collection(COLLECTION)


def receive(request):
    records = [(_collection.document(name), fields) for name, fields in mails(request.get_json())]
    # Decorated for each post: the decorated function keeps the state of its retries.
    firestore.transactional(_store)(_client.transaction(), records)
    return "stored"


def _store(transaction, records):
    references = {reference.id: reference for reference, _ in records}
    snapshots = _client.get_all(references.values(), transaction=transaction)
    documents = {snapshot.id: snapshot.to_dict() or {} for snapshot in snapshots}
    for reference, fields in records:
        document = documents[reference.id]
        if _rank(fields) >= _rank(document):
            document.update(fields)
    for document_id, document in documents.items():
        transaction.set(references[document_id], document, merge=True)


def _rank(fields):
    status = fields.get("status")
    return RANKS.index(status) if status in RANKS else -1
