"""For the cold start: our three packages, and one write with the client library."""

import functions_framework
import pydantic
from google.cloud import firestore

from tests.by_hand.benchmarks.variants.shape import COLLECTION


class Post(pydantic.BaseModel):
    event_type: str


_client = firestore.Client()


@functions_framework.http
def receive(request):
    post = Post.model_validate_json(request.get_data())
    _client.collection(COLLECTION).document("first").set(post.model_dump())
    return "stored"
