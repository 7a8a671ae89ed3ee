"""A server that cannot start says why in one sentence."""

import re
import socket
import sqlite3

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


def test_a_missing_directory_is_refused(tmp_path):
    assert "director" in reason(str(tmp_path / "no" / "such" / "file"))


def test_a_directory_is_no_file(tmp_path):
    assert str(tmp_path) in reason(str(tmp_path))


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
