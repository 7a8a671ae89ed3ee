"""Transactions that are never ended by their clients."""

import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud import firestore

from cmc_webhook.local_firestore.server import LOOPBACK, FirestoreServer
from cmc_webhook.local_firestore.storage import Storage

pytestmark = pytest.mark.builtin


class Clock:
    def __init__(self):
        self.seconds = 2_000_000_000

    def __call__(self):
        return self.seconds * 1_000_000_000


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def timed(clock, monkeypatch):
    """A client of a server on *clock*."""
    server = FirestoreServer(Storage(":memory:", clock=clock), LOOPBACK, 0)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
    yield firestore.Client(project="timed")
    server.stop()


def begin(client, retry_id=None):
    transaction = client.transaction()
    transaction._begin(retry_id=retry_id)
    return transaction


def test_a_transaction_idle_for_a_minute_is_over(timed, clock):
    used, unused = begin(timed), begin(timed)
    clock.seconds += 40
    timed.document("mails/a").get(transaction=used)
    clock.seconds += 40
    with pytest.raises(InvalidArgument):
        unused._commit()

    used._commit()


def test_a_transaction_ends_after_270_seconds_whatever_it_does(timed, clock):
    transaction = begin(timed)
    for _ in range(5):
        clock.seconds += 50
        timed.document("mails/a").get(transaction=transaction)
    clock.seconds += 50

    with pytest.raises(InvalidArgument):
        transaction._commit()


def test_a_retry_that_is_forgotten_does_not_hold_up_the_others_for_long(timed, clock):
    counter = timed.document("mails/a")
    counter.set({"n": 0})
    forgotten = begin(timed, retry_id=b"an earlier attempt")
    counter.get(transaction=forgotten)
    clock.seconds += 6
    counter.update({"n": 1}, timeout=30)
    next_in_line = begin(timed, retry_id=b"another")

    assert counter.get(transaction=next_in_line).get("n") == 1
