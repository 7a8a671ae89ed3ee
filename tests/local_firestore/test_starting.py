"""A server that cannot start says why in one sentence."""

import contextlib
import os
import re
import socket
import sqlite3
import tempfile
from pathlib import Path

import pytest
from google.cloud import firestore

from cmc_webhook.local_firestore.errors import StartError
from cmc_webhook.local_firestore.server import start

pytestmark = pytest.mark.builtin


@pytest.fixture
def data(tmp_path):
    return str(tmp_path / "firestore.sqlite3")


def reason(data, port=0):
    with pytest.raises(StartError) as raised:
        start(data, port)
    assert re.fullmatch(r"[^\n]+\.", str(raised.value))
    return str(raised.value)


def execute(data, statement):
    connection = sqlite3.connect(data, isolation_level=None)
    connection.execute(statement)
    connection.close()


@contextlib.contextmanager
def without_root():
    """Run the block as a user who may not write everywhere."""
    user = os.geteuid()
    os.seteuid(user or 65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_second_server_on_the_file_is_refused_and_the_first_one_goes_on(data, monkeypatch):
    server = start(data, 0)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
    mail = firestore.Client(project="first").document("mails/a")
    mail.set({"n": 1})
    sentence = reason(data)
    mail.set({"n": 2})
    found = mail.get().to_dict()
    server.stop()

    assert data in sentence
    assert "another" in sentence
    assert found == {"n": 2}


def test_after_a_stop_port_and_file_are_free(data):
    server = start(data, 0)
    server.stop()
    again = start(data, server.port)
    again.stop()

    assert again.address == f"127.0.0.1:{server.port}"


def test_a_used_port_is_refused_and_the_file_is_free_again(data):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert str(port) in reason(data, port)

    start(data, 0).stop()


def test_two_servers_do_not_share_a_port(data):
    server = start(":memory:", 0)
    sentence = reason(data, server.port)
    server.stop()

    assert str(server.port) in sentence


def test_a_file_of_a_newer_version_is_refused_and_left_alone(data, tmp_path):
    start(data, 0).stop()
    execute(data, "PRAGMA user_version = 99")
    before = (tmp_path / "firestore.sqlite3").read_bytes()

    assert "newer" in reason(data)
    assert (tmp_path / "firestore.sqlite3").read_bytes() == before


@pytest.mark.parametrize("content", ["a database of something else", "text"])
def test_a_foreign_file_is_refused_and_left_alone(data, tmp_path, content):
    path = tmp_path / "firestore.sqlite3"
    if content == "text":
        path.write_text("something of value " * 100)
    else:
        execute(data, "CREATE TABLE documents (parent, collection, id, document)")
    before = path.read_bytes()

    assert data in reason(data)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        {"indexes": None},
        {"indexes": [1]},
        {"indexes": [{"collectionGroup": "mails"}]},
        {"indexes": [{"collectionGroup": "mails", "fields": []}]},
        {"indexes": [{"collectionGroup": "mails", "fields": [{"order": "ASCENDING"}]}]},
        {"fieldOverrides": [{"collectionGroup": "mails", "fieldPath": "at"}]},
    ],
)
def test_malformed_definitions_of_indexes_are_refused(content):
    with pytest.raises(StartError, match="format"):
        start(":memory:", 0, indexes=content)


def test_a_missing_directory_is_refused(tmp_path):
    assert "director" in reason(str(tmp_path / "no" / "such" / "file"))


def test_a_directory_is_no_file(tmp_path):
    assert str(tmp_path) in reason(str(tmp_path))


def test_a_file_that_is_damaged_in_the_middle_is_refused_and_left_alone(data, tmp_path):
    start(data, 0).stop()
    execute(
        data,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
        " INSERT INTO documents SELECT 'parent', 'mails', i, zeroblob(500) FROM n",
    )
    path = tmp_path / "firestore.sqlite3"
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + b"\xff" * 8192 + content[middle + 8192 :])
    before = path.read_bytes()

    assert "is damaged" in reason(data)
    assert path.read_bytes() == before


def test_a_read_only_file_is_refused():
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        data = f"{folder}/firestore.sqlite3"
        start(data, 0).stop()
        Path(data).chmod(0o444)
        Path(folder).chmod(0o555)
        with without_root():
            sentence = reason(data)
        Path(folder).chmod(0o755)

    assert "cannot be written" in sentence


def test_an_empty_file_is_a_new_one(data, tmp_path):
    (tmp_path / "firestore.sqlite3").touch()
    start(data, 0).stop()

    start(data, 0).stop()


def test_memory_forgets(monkeypatch):
    for _ in range(2):
        server = start(":memory:", 0)
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
        firestore.Client(project="forgotten").document("mails/a").create({"n": 1})
        server.stop()
