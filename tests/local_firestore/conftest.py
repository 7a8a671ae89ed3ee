"""Fixtures: collections of a new project, and the generated API client."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.cloud import firestore
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

from cmc_webhook.local_firestore.server import start
from tests.conftest import EMULATOR


@pytest.fixture(scope="session")
def lenient_address() -> Iterator[str]:
    """A server that answers every query."""
    server = start(data=":memory:", port=0)
    yield server.address
    server.stop()


@pytest.fixture
def firestore_address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The Firestore that FIRESTORE_EMULATOR_HOST names, else a built-in one for any queries."""
    if EMULATOR:
        return EMULATOR
    address: str = request.getfixturevalue("lenient_address")
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", address)
    return address


@pytest.fixture
def mails(client: firestore.Client) -> firestore.CollectionReference:
    """An empty collection."""
    return client.collection("mails")


@pytest.fixture
def store(mails: firestore.CollectionReference) -> Callable[..., None]:
    """Set documents, given as id=fields."""

    def store_documents(**documents: dict[str, Any]) -> None:
        for document_id, fields in documents.items():
            mails.document(document_id).set(fields)

    return store_documents


@pytest.fixture
def api(firestore_address: str) -> Iterator[FirestoreClient]:
    """The generated client, which sends any request."""
    with grpc.insecure_channel(firestore_address) as channel:
        yield FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))


@pytest.fixture
def database(client: firestore.Client) -> str:
    """The name of the test's own database."""
    return f"projects/{client.project}/databases/(default)"


@pytest.fixture
def make_write(database: str) -> Callable[..., types.Write]:
    """Make a write that sets the fields, given as protobuf values, of the document `mails/a`."""

    def make(
        fields: dict[str, Any] | None = None, *, name: str = "mails/a", **parts: Any
    ) -> types.Write:
        document = types.Document(name=f"{database}/documents/{name}", fields=fields or {})
        return types.Write(update=document, **parts)

    return make
