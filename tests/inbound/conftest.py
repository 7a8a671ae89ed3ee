"""Fixtures: the bucket read back, the function for received mail and what it keeps."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from google.cloud import storage


@pytest.fixture
def objects(bucket: storage.Bucket) -> Callable[[], dict[str, bytes]]:
    """Read the whole bucket: content by gs:// address."""
    return lambda: {
        f"gs://{bucket.name}/{blob.name}": blob.download_as_bytes() for blob in bucket.list_blobs()
    }


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
