"""Fixtures: the real Storage client on an emulator, the function for received mail."""

import functools
import uuid
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from gcp_storage_emulator.server import create_server
from google.cloud import storage

from tests.processes import free_port


@pytest.fixture(scope="session")
def storage_url() -> Iterator[str]:
    port = free_port()
    server = create_server("127.0.0.1", port, in_memory=True)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def bucket(storage_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[storage.Bucket]:
    """A bucket that no other test uses."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage_url)
    client = storage.Client(project="demo-storage")
    yield client.create_bucket(f"test-{uuid.uuid4().hex[:12]}")
    client.close()


@pytest.fixture
def objects(bucket: storage.Bucket) -> Callable[[], dict[str, bytes]]:
    """Read the whole bucket: content by gs:// address."""
    return lambda: {
        f"gs://{bucket.name}/{blob.name}": blob.download_as_bytes() for blob in bucket.list_blobs()
    }


@pytest.fixture
def make_inbound(
    make_app: Callable[..., FlaskClient], bucket: storage.Bucket
) -> Callable[..., FlaskClient]:
    """Start the function for received mail on the test's own bucket."""
    return functools.partial(make_app, "cmc_inbound", CMC_ATTACHMENT_BUCKET=bucket.name)


@pytest.fixture
def inbound(make_inbound: Callable[..., FlaskClient]) -> FlaskClient:
    """The function open to everybody."""
    return make_inbound(CMC_ALLOW_UNAUTHENTICATED="true")


@pytest.fixture
def mails(documents: Callable[..., dict[str, dict]]) -> Callable[[], list[dict]]:
    """Read the documents of received mails."""
    return lambda: list(documents("inbound_mails").values())


@pytest.fixture
def unreadable(documents: Callable[..., dict[str, dict]]) -> Callable[[], list[dict]]:
    """Read the quarantine of received mails."""
    return lambda: list(documents("inbound_mails_quarantine").values())
