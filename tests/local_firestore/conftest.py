"""Fixtures: collections of a new project, and the generated API client."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.cloud import firestore
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

# Where Google's emulator (seen in 1.19.9) accepts, or words differently, what the real Firestore is
# documented or recorded to refuse. These tests run on our server only.
EMULATOR_DIFFERS = {
    "test_aggregations.py": ["test_an_aggregation_that_firestore_refuses_is_refused[aliases2]"],
    # It has no partitions, and lists missing documents to administrators only.
    "test_hierarchy.py": [
        "test_a_missing_parent_is_listed_without_times_and_only_if_asked",
        "test_partitions_together_are_the_whole_group",
        "test_a_small_group_is_one_partition",
    ],
    # It reports the first consistent state of a stream more than once.
    "test_listen.py": ["test_a_stream_takes_several_targets_and_drops_them"],
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
    # It locks what a transaction reads; a write that waits for the lock times out.
    "test_transactions.py": [
        "test_increments_of_many_threads_all_count_and_no_client_gives_up",
        "test_what_was_read_and_then_written_by_another_aborts_the_commit",
        *(
            f"test_a_new_document_that_the_reads_would_have_found_aborts[{delete}-{read}]"
            for delete in (False, True)
            for read in ("query", "count", "missing")
        ),
        "test_a_write_beside_what_was_read_disturbs_nobody",
        "test_two_that_read_what_the_other_writes_do_not_both_commit",
        "test_all_reads_of_a_transaction_are_of_one_state",
        "test_a_retry_that_has_read_is_not_overtaken",
        "test_many_threads_that_retry_on_preconditions_lose_nothing",
        "test_a_used_id_is_refused[rollback-commit]",
        "test_a_used_id_is_refused[rollback-rollback]",
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
