"""Acknowledged writes survive a crash of the server."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
import uuid

import pytest
from google.api_core.exceptions import DataLoss, GoogleAPICallError, ResourceExhausted
from google.cloud import firestore

from cmc_webhook.local_firestore.server import LOOPBACK, FirestoreServer, start
from cmc_webhook.local_firestore.storage import Storage
from tests.support.processes import ROOT, until

pytestmark = pytest.mark.builtin

ROUNDS = 20
WRITERS = 3
BATCH = 5
TRANSACTED = "transacted"

SERVER = """
import sys
from cmc_webhook.local_firestore.server import start
server = start(sys.argv[1], 0)
print(server.address, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def data(tmp_path):
    return str(tmp_path / "firestore.sqlite3")


@pytest.fixture
def connect(monkeypatch):
    """Make a client of the server at an address."""

    def make(address, project="durable"):
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", address)
        return firestore.Client(project=project)

    return make


@contextlib.contextmanager
def running(data):
    """A server in a process of its own, killed at the end."""
    command = [sys.executable, "-c", SERVER, data]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def write_until_it_dies(client, acknowledged):
    """Commit batches of new documents; add each batch once it is acknowledged."""
    with contextlib.suppress(GoogleAPICallError):
        while True:
            batch, key = client.batch(), uuid.uuid4().hex
            for n in range(BATCH):
                batch.create(client.document(f"mails/{key}-{n}"), {"n": n, "text": "x" * 500})
            batch.commit(retry=None, timeout=5)
            acknowledged.append(key)


def transact_until_it_dies(client, acknowledged):
    """As above, in transactions that also count their batches in one document."""
    tally = client.document("tallies/all")
    # The client's decorator would try for a minute to reach the killed server.
    api, at_once = client._firestore_api, {"retry": None, "timeout": 5}
    database = {"database": client._database_string}
    with contextlib.suppress(GoogleAPICallError):
        while True:
            transaction, key = client.transaction(), TRANSACTED + uuid.uuid4().hex
            transaction._id = api.begin_transaction(request=database, **at_once).transaction
            count = tally.get(transaction=transaction, **at_once).to_dict() or {"n": 0}
            transaction.set(tally, {"n": count["n"] + 1})
            for n in range(BATCH):
                transaction.create(client.document(f"mails/{key}-{n}"), {"n": n, "text": "x" * 500})
            parts = {"transaction": transaction.id, "writes": transaction._write_pbs}
            api.commit(request={**database, **parts}, **at_once)
            acknowledged.append(key)


def kill_under_load(process, client, acknowledged):
    before = len(acknowledged)
    arguments = (client, acknowledged)
    actions = [write_until_it_dies] * WRITERS + [transact_until_it_dies]
    writers = [threading.Thread(target=action, args=arguments) for action in actions]
    for writer in writers:
        writer.start()
    until(
        lambda: (
            len(acknowledged) >= before + 10
            and any(key.startswith(TRANSACTED) for key in acknowledged[before:])
        )
    )
    process.kill()
    for writer in writers:
        writer.join()


def test_killed_under_load_it_comes_back_with_every_acknowledged_write_and_no_half_one(
    data, connect, scale
):
    acknowledged, rounds = [], int(ROUNDS * scale)
    for _ in range(rounds):
        with running(data) as (address, process):
            kill_under_load(process, connect(address), acknowledged)

    server = start(data, 0)
    client = connect(server.address)
    names = [r.id for r in client.collection("mails").list_documents()]
    tally = client.document("tallies/all").get().get("n")
    server.stop()
    stored = {}
    for name in names:
        stored.setdefault(name.partition("-")[0], []).append(name)

    assert len(acknowledged) >= rounds * 10
    assert set(acknowledged) <= set(stored)
    assert {len(batch) for batch in stored.values()} == {BATCH}
    assert tally == len([key for key in stored if key.startswith(TRANSACTED)]) >= rounds


def test_documents_and_their_times_survive_a_stop(data, connect):
    server = start(data, 0)
    connect(server.address).document("mails/a").set({"n": 1})
    before = connect(server.address).document("mails/a").get()
    server.stop()
    server = start(data, 0)
    after = connect(server.address).document("mails/a").get()
    server.stop()

    assert after.to_dict() == {"n": 1}
    assert (after.create_time, after.update_time) == (before.create_time, before.update_time)


def test_every_commit_is_synced_to_the_disk_before_its_answer(data):
    storage = Storage(data)
    try:
        modes = [
            storage._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous")
        ]
    finally:
        storage.close()

    assert modes == ["wal", 2]


def test_a_clock_that_steps_back_over_a_restart_gives_no_old_time(data, connect):
    times = []
    for clock_ns in (2_000_000_000_000_000_000, 1_900_000_000_000_000_000):
        server = FirestoreServer(Storage(data, clock=lambda now=clock_ns: now), LOOPBACK, 0)
        mail = connect(server.address).document("mails/a")
        times += [mail.set({"at": clock_ns, "n": n}).update_time for n in range(3)]
        assert mail.get().read_time >= times[-1]
        server.stop()

    assert times == sorted(set(times))


def test_a_deleted_latest_document_does_not_take_its_time_with_it(data, connect):
    server = FirestoreServer(Storage(data, clock=lambda: 2_000_000_000_000_000_000), LOOPBACK, 0)
    mail = connect(server.address).document("mails/a")
    first = mail.set({"n": 1}).update_time
    mail.delete()
    server.stop()
    server = FirestoreServer(Storage(data, clock=lambda: 0), LOOPBACK, 0)
    again = connect(server.address).document("mails/a").set({"n": 2}).update_time
    server.stop()

    assert again > first


def test_a_full_disk_changes_nothing_and_does_not_stop_the_server(data, connect):
    storage = Storage(data)
    server = FirestoreServer(storage, LOOPBACK, 0)
    mails = connect(server.address).collection("mails")
    mails.document("a").set({"n": 1})
    storage._connection.execute("PRAGMA max_page_count = 10")
    with pytest.raises(ResourceExhausted, match="full"):
        mails.document("b").set({"text": "x" * 500_000}, retry=None)

    mails.document("c").set({"n": 2})
    found = {d.id for d in mails.stream()}
    server.stop()

    assert found == {"a", "c"}


def test_a_file_that_is_damaged_while_it_is_served_is_named_at_the_first_write(data, connect):
    server = start(data, 0)
    mails = connect(server.address).collection("mails")
    for n in range(50):
        mails.document(f"a{n:02}").set({"text": "x" * 100_000})
    server.stop()
    server = start(data, 0)
    mails = connect(server.address).collection("mails")
    with open(data, "r+b") as file:
        file.write(b"\xff" * 2_000_000)
    with pytest.raises(DataLoss, match="damaged"):
        mails.document("a00").set({"n": 1}, retry=None)
    server.stop()


def test_stop_answers_what_is_under_way(data, connect):
    server = start(data, 0)
    acknowledged = []
    arguments = (connect(server.address), acknowledged)
    writers = [threading.Thread(target=write_until_it_dies, args=arguments) for _ in range(8)]
    for writer in writers:
        writer.start()
    until(lambda: len(acknowledged) >= 10)
    server.stop()
    for writer in writers:
        writer.join()

    with sqlite3.connect(data) as connection:
        [[count]] = connection.execute("SELECT count(*) FROM documents").fetchall()
    connection.close()
    assert count == len(acknowledged) * BATCH
    assert not os.path.exists(data + "-wal")
