"""Fixtures: collections of a fresh project, and the API below the client's comfort."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.cloud import firestore
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

# What Google's emulator (seen in 1.19.9) does not refuse, or words otherwise, than the real
# Firestore is documented or recorded to. These tests hold the built-in server alone to it.
EMULATOR_DIFFERS = {
    "test_aggregations.py": ["test_an_aggregation_that_firestore_refuses_is_refused[aliases2]"],
    "test_queries.py": [
        "test_a_filter_finds[<-2-nan one one_double]",
        "test_null_and_nan_are_found_by_the_filters_for_them_alone[{'double_value': nan}-NOT_EQUAL]",  # noqa: E501
        "test_a_query_that_firestore_refuses_is_refused[<lambda>5]",
    ],
    "test_refusals.py": [
        "test_ids[____]",
        "test_a_document_that_grows_over_the_limit_stays_as_it_was",
        *(f"test_updates[update{number}]" for number in range(4)),
        "test_500_transforms_are_counted_for_a_document_over_its_writes",
        "test_a_request_over_10_mib",
        "test_malformed_writes[{'update_mask': field_paths: \"__name__\"\\n}]",
        "test_a_write_to_another_database",
        "test_what_no_client_can_encode[utf8]",
    ],
    "test_transforms.py": ["test_the_server_time_is_one_for_the_whole_commit_and_in_milliseconds"],
    "test_writes.py": ["test_an_update_of_what_is_not_there_names_it_and_creates_nothing"],
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.name in EMULATOR_DIFFERS.get(item.path.name, ()):
            item.add_marker(pytest.mark.builtin)


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
    """The generated client, which sends what it is told."""
    with grpc.insecure_channel(firestore_address) as channel:
        yield FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))


@pytest.fixture
def database(client: firestore.Client) -> str:
    """The name of the database that the test has for itself."""
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
