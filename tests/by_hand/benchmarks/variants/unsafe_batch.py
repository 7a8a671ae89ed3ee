"""One atomic batch for a post: the last post wins, whatever it says."""

from google.cloud import firestore

from tests.by_hand.benchmarks.variants.shape import COLLECTION, mails

_client = firestore.Client()
_collection = _client.collection(COLLECTION)


def receive(request):
    batch = _client.batch()
    for document_id, fields in mails(request.get_json()):
        batch.set(_collection.document(document_id), fields, merge=True)
    batch.commit()
    return "stored"
