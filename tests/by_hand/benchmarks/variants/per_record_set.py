"""The naive way: one write after the other, with the client library."""

from google.cloud import firestore

from tests.by_hand.benchmarks.variants.shape import COLLECTION, mails

_collection = firestore.Client().collection(COLLECTION)


def receive(request):
    for document_id, fields in mails(request.get_json()):
        _collection.document(document_id).set(fields, merge=True)
    return "stored"
