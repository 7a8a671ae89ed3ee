"""Fixtures for the tests of any project: a local Firestore that is empty before each test.

Enable them in the conftest.py of the root folder:
`pytest_plugins = ["cmc_webhook.local_firestore.pytest_plugin"]`.
"""

from collections.abc import Iterator

import pytest

from cmc_webhook.local_firestore.server import FirestoreServer, start


@pytest.fixture(scope="session")
def local_firestore_server() -> Iterator[FirestoreServer]:
    """The server of all tests; override it to start one with other arguments."""
    server = start(":memory:", 0)
    yield server
    server.stop()


@pytest.fixture
def local_firestore(
    local_firestore_server: FirestoreServer, monkeypatch: pytest.MonkeyPatch
) -> FirestoreServer:
    """The server, empty, where Google's clients connect to during the test."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", local_firestore_server.address)
    local_firestore_server.reset()
    return local_firestore_server
