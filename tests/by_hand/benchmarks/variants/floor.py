"""
The floor: parse the JSON or the form, write one raw BatchWrite, and look at nothing.

No merge, no history, no check of anything: the cheapest that stores a document per mail.
"""

import json
import os
from urllib.parse import parse_qs

import grpc
from google.cloud.firestore_v1.types import BatchWriteRequest, BatchWriteResponse

from tests.by_hand.benchmarks.variants.shape import COLLECTION, mails

_Request = BatchWriteRequest.pb()
_DATABASE = f"projects/{os.environ['GOOGLE_CLOUD_PROJECT']}/databases/(default)"
_PREFIX = f"{_DATABASE}/documents/{COLLECTION}/"
_channel = grpc.insecure_channel(os.environ["FIRESTORE_EMULATOR_HOST"])
_batch_write = _channel.unary_unary(
    "/google.firestore.v1.Firestore/BatchWrite",
    _Request.SerializeToString,
    BatchWriteResponse.pb().FromString,
)


def _post(body):
    if body.startswith(b"{"):
        return json.loads(body)
    return {"event": json.loads(parse_qs(body)[b"event"][0])}


def receive(request):
    batch = _Request(database=_DATABASE)
    # Firestore refuses two writes to one document in a batch: the last of a post wins.
    for document_id, fields in dict(mails(_post(request.get_data()))).items():
        document = batch.writes.add().update
        document.name = _PREFIX + document_id
        for name, text in fields.items():
            document.fields[name].string_value = text
    _batch_write(batch, timeout=60)
    return "stored"
