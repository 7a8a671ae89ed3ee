"""Fixtures: the real Firestore client on a real server, and the function under functions-framework."""

import os
import uuid
from collections.abc import Iterator

import pytest
from google.cloud import firestore

EMULATOR = os.environ.get("FIRESTORE_EMULATOR_HOST")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if EMULATOR and item.get_closest_marker("builtin"):
            item.add_marker(pytest.mark.skip(reason="only the built-in Firestore promises this"))


@pytest.fixture(scope="session")
def firestore_address() -> Iterator[str]:
    """The Firestore that FIRESTORE_EMULATOR_HOST names, else a built-in one."""
    if EMULATOR:
        yield EMULATOR
        return

    from cmc_webhook.devserver.firestore import start

    server = start(data=":memory:", port=0)
    os.environ["FIRESTORE_EMULATOR_HOST"] = server.address
    yield server.address
    del os.environ["FIRESTORE_EMULATOR_HOST"]
    server.stop()


@pytest.fixture
def client(firestore_address: str) -> firestore.Client:
    """A client of a project that no other test uses."""
    return firestore.Client(project=f"test-{uuid.uuid4().hex[:12]}")
