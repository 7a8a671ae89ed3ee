"""Fixtures: what is in the bucket, and the documents of received mails."""

from collections.abc import Callable

import pytest
from google.cloud import storage

from cmc_webhook.inbound.webhook import InboundWebhook


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time for a busy machine; the tests of deadlines set their own."""
    monkeypatch.setattr(InboundWebhook, "budget_s", 120.0)
    monkeypatch.setattr("cmc_webhook.inbound.bucket._LONGEST_REQUEST_S", 60.0)


@pytest.fixture
def objects(bucket: storage.Bucket) -> Callable[[], dict[str, bytes]]:
    """Read the whole bucket: content by gs:// address."""
    return lambda: {
        f"gs://{bucket.name}/{blob.name}": blob.download_as_bytes() for blob in bucket.list_blobs()
    }


@pytest.fixture
def mails(documents: Callable[..., dict[str, dict]]) -> Callable[[], list[dict]]:
    """Read the documents of received mails."""
    return lambda: list(documents("inbound_mails").values())


@pytest.fixture
def unreadable(documents: Callable[..., dict[str, dict]]) -> Callable[[], list[dict]]:
    """Read the quarantine of received mails."""
    return lambda: list(documents("inbound_mails_quarantine").values())
