"""The devserver as a newcomer meets it: start, post, look, stop."""

import http.client
import os
import re
import signal
import socket
import urllib.request
from pathlib import Path

import pytest
from google.cloud import firestore, storage

from tests.support.mails import cmc_multipart, file
from tests.support.processes import Program, free_port, listens, until
from tests.support.records import as_json, make_post, make_record
from tests.support.server import FunctionServer

pytestmark = pytest.mark.builtin

POST = as_json(make_post([make_record()]))


class Devserver(Program):
    post = FunctionServer.post

    def __init__(self, *options, **environ):
        names = ("port", "inbound_port", "firestore_port", "storage_port", "console_port")
        self.ports = {name: free_port() for name in names}
        self.port, self.inbound_port, self.firestore_port, _, self.console_port = (
            self.ports.values()
        )
        ports = [
            word
            for name, port in self.ports.items()
            for word in ("--" + name.replace("_", "-"), str(port))
        ]
        super().__init__("cmc_webhook.devserver", *ports, *options, **environ)

    def wait(self):
        until(lambda: "Stop with Ctrl-C" in self.output() or self.process.poll() is not None)
        return self


@pytest.fixture
def start(tmp_path):
    started = []

    def start_devserver(*options, **environ):
        data = [] if "--data" in options else ["--data", str(tmp_path / "data.sqlite3")]
        started.append(Devserver(*options, *data, **environ))
        return started[-1].wait()

    yield start_devserver
    for server in started:
        server.stop()


def read(server, monkeypatch, project="demo-cmc-webhook", collection="mail_statuses"):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.firestore_port}")
    documents = firestore.Client(project=project).collection(collection).stream()
    return [document.to_dict() for document in documents]


def test_what_is_posted_is_there_after_a_restart(start, monkeypatch):
    first = start()
    assert first.post(*POST)[0] == 200
    assert [d["status"] for d in read(first, monkeypatch)] == ["queued"]

    assert first.send(signal.SIGINT) == 0
    assert not any(map(listens, first.ports.values()))

    second = start()
    assert [d["status"] for d in read(second, monkeypatch)] == ["queued"]
    assert second.send(signal.SIGTERM) == 0


def post_mail(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.inbound_port, timeout=60)
    connection.request("POST", "/", cmc_multipart(file(1, b"content", "a.txt")))
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_received_mail_and_its_attachment_are_there_after_a_restart(start, monkeypatch):
    first = start()
    assert post_mail(first) == 200
    assert first.send(signal.SIGINT) == 0
    assert not any(map(listens, first.ports.values()))

    second = start()
    [mail] = read(second, monkeypatch, collection="inbound_mails")
    _, _, bucket, name = mail["attachments"][0]["stored_at"].split("/", 3)
    port = second.ports["storage_port"]
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    client = storage.Client(project="demo-cmc-webhook")
    assert client.bucket(bucket).blob(name).download_as_bytes() == b"content"
    client.close()


def test_the_page_gives_out_what_a_received_mail_attached(start):
    server = start()
    post_mail(server)
    address = f"http://127.0.0.1:{server.console_port}"
    with urllib.request.urlopen(f"{address}/received") as answer:
        [path] = re.findall(r'href="(/received/[^"]+)"', answer.read().decode())

    with urllib.request.urlopen(f"{address}{path}/attachments/1") as answer:
        assert answer.read() == b"content"


def test_without_the_emulator_of_storage_it_says_so_and_serves_statuses(start, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys; sys.modules['gcp_storage_emulator'] = None\n"
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if 'storage_emulator' in name else find(name, *a)\n"
    )
    server = start(PYTHONPATH=str(tmp_path))

    assert server.output().count("No received mail") == 1
    assert server.post(*POST)[0] == 200
    assert not listens(server.inbound_port)


def test_it_says_what_it_started_and_how_to_try_it(start, monkeypatch):
    server = start()
    said = server.output()

    assert f"FIRESTORE_EMULATOR_HOST=127.0.0.1:{server.firestore_port}" in said
    assert "GOOGLE_CLOUD_PROJECT=demo-cmc-webhook" in said
    assert "open to every program on this machine" in said
    [curl] = [line.strip() for line in said.splitlines() if line.strip().startswith("curl")]
    assert os.system(f"{curl} -s -o {os.devnull}") == 0
    assert [d["to"] for d in read(server, monkeypatch)] == ["user@example.jp"]


def test_with_a_key_in_the_environment_it_asks_for_it(start):
    server = start(CMC_API_KEYS="secret-key")

    assert "Bearer YOUR_KEY" in server.output()
    assert "secret-key" not in server.output()
    assert server.post(*POST)[0] == 401
    assert server.post(*POST, headers={"Authorization": "Bearer secret-key"})[0] == 200


def test_the_page_shows_what_was_posted(start):
    server = start(CMC_TIME_ZONE="UTC")
    server.post(*POST)
    address = f"http://127.0.0.1:{server.console_port}"

    assert address in server.output()
    with urllib.request.urlopen(f"{address}/mails") as answer:
        page = answer.read().decode()
    assert "user@example.jp" in page
    assert "2025-01-25 14:03:06" in page


def test_a_project_in_the_environment_is_used(start, monkeypatch):
    server = start(GOOGLE_CLOUD_PROJECT="demo-other")
    server.post(*POST)

    assert len(read(server, monkeypatch, "demo-other")) == 1


def test_options_of_functions_framework_in_the_environment_are_not_its(start):
    environ = {"PORT": "1", "HOST": "0.0.0.0", "FUNCTION_TARGET": "other", "DEBUG": "true"}

    assert start(**environ).post(*POST)[0] == 200


@pytest.mark.parametrize(
    "option",
    ["--port", "--inbound-port", "--firestore-port", "--storage-port", "--console-port"],
)
def test_a_used_port_is_one_sentence(start, option):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = start(option, str(port))

        assert server.process.wait(30) == 1
        [sentence] = [line for line in server.output().splitlines() if line.startswith("Error")]
        assert str(port) in sentence
        assert option in sentence
        assert "Traceback" not in server.output()
    assert not listens(server.firestore_port)


def test_a_function_that_cannot_start_is_one_sentence(start):
    server = start(CMC_TIME_ZONE="Nowhere")

    assert server.process.wait(30) == 1
    assert "CMC_TIME_ZONE" in server.output()
    assert "ended by itself" in server.output()
    assert "Traceback" not in server.output()
    assert not listens(server.firestore_port)


@pytest.mark.parametrize("program", [0, 1], ids=["function", "page"])
def test_a_program_that_dies_ends_the_others_too(start, program):
    server = start()
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    os.killpg(int(children.split()[program]), signal.SIGKILL)

    assert server.process.wait(30) == 1
    assert "ended by itself" in server.output()
    assert not any(map(listens, server.ports.values()))


def test_only_loopback_listens(start):
    server = start()
    tables = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    ports = {f"{port:04X}" for port in server.ports.values()}
    rows = [line.split() for line in tables.splitlines()]
    listening = [row[1].split(":") for row in rows if len(row) > 3 and row[3] == "0A"]

    found = {port: address for address, port in listening if port in ports}
    assert found.keys() == ports
    assert set(found.values()) <= {"0100007F", "0000000000000000FFFF00000100007F"}


def test_only_the_firestore(start):
    port = free_port()
    server = Program(
        "cmc_webhook.devserver", "--only-firestore", "--firestore-port", str(port),
        "--data", ":memory:",
    )  # fmt: skip
    server.wait_for(port)

    assert listens(port)
    assert server.send(signal.SIGINT) == 0
    server.stop()


def test_help_names_every_option(start):
    helper = Program("cmc_webhook.devserver", "--help")
    helper.process.wait(30)

    options = ("--port", "--inbound-port", "--firestore-port", "--storage-port", "--console-port")
    for option in (*options, "--data", "--only-firestore"):
        assert option in helper.output()
    helper.stop()
