"""Used by another project: the command, and the fixtures in another folder."""

import json
import os
import re
import subprocess
import sys

import pytest
from google.api_core.exceptions import FailedPrecondition
from google.cloud import firestore

from cmc_webhook.local_firestore.server import start
from tests.support.processes import ROOT

pytestmark = pytest.mark.builtin

CONFTEST = 'pytest_plugins = ["cmc_webhook.local_firestore.pytest_plugin"]'
TESTS = """
import pytest
from google.cloud import firestore

@pytest.mark.parametrize("n", range(2))
def test_each_begins_empty(local_firestore, n):
    mails = firestore.Client(project="mine").collection("mails")
    assert list(mails.stream()) == []
    mails.document(str(n)).set({"n": n})
"""


def test_the_fixtures_in_another_folder(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_mine.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip

    assert "2 passed" in done.stdout, done.stdout + done.stderr


@pytest.fixture
def command(monkeypatch):
    """Start the command; return its process after it has said where it serves."""
    processes = []

    def run(*options):
        options = ("--firestore-port", "0", *options)
        process = subprocess.Popen(
            [sys.executable, "-m", "cmc_webhook.local_firestore", *options],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        processes.append(process)
        ready = process.stdout.readline()
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", ready.removeprefix("Firestore on ").strip())
        return process

    yield run
    for process in processes:
        process.terminate()
        process.communicate()


def test_the_command_says_when_it_is_ready_and_ends_with_a_signal(command):
    process = command()
    firestore.Client(project="mine").document("mails/a").set({"n": 1}, retry=None)
    process.terminate()

    assert process.wait(10) == 0
    assert process.stderr.read() == ""


def test_another_host_is_served_with_a_warning(command):
    process = command("--host", "0.0.0.0")
    firestore.Client(project="mine").document("mails/a").set({"n": 1}, retry=None)
    process.terminate()

    assert "Warning: everybody who reaches 0.0.0.0:" in process.stderr.read()


def test_a_file_of_indexes_makes_it_strict(command, tmp_path):
    (tmp_path / "firestore.indexes.json").write_text(json.dumps({"indexes": []}))
    command("--indexes", str(tmp_path / "firestore.indexes.json"))
    mails = firestore.Client(project="mine").collection("mails")

    assert list(mails.order_by("at").stream()) == []
    with pytest.raises(FailedPrecondition):
        list(mails.order_by("at").order_by("to").stream())


@pytest.mark.parametrize("content", ["", "null", "[]", '{"indexes": [{}]}'])
def test_a_malformed_file_of_indexes_is_refused_in_one_sentence(tmp_path, content):
    (tmp_path / "firestore.indexes.json").write_text(content)
    done = subprocess.run(
        [sys.executable, "-m", "cmc_webhook.local_firestore", "--firestore-port", "0",
         "--indexes", str(tmp_path / "firestore.indexes.json")],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 1
    assert re.fullmatch(r"Error: [^\n]+\.\n", done.stderr)


def test_a_reset_deletes_the_documents_of_all_projects_and_ends_transactions(monkeypatch):
    server = start(":memory:", 0)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
    clients = [firestore.Client(project=project) for project in ("mine", "yours")]
    for client in clients:
        client.document("mails/a/parts/b").set({"n": 1})
    server.reset()
    remaining = [[*client.collection_group("parts").stream()] for client in clients]
    clients[0].document("mails/a/parts/b").create({"n": 2})
    server.stop()

    assert remaining == [[], []]
