"""The devserver: start, output, posts, errors, stop. Each test runs the real processes."""

import base64
import contextlib
import http.client
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests
from google.cloud import firestore, storage

from tests.support.documents import Document
from tests.support.mails import cmc_multipart, file
from tests.support.processes import ROOT, Program, free_port, listens, until
from tests.support.records import as_json, make_post, make_record
from tests.support.server import FunctionServer

pytestmark = pytest.mark.builtin

POST = as_json(make_post([make_record()]))


STARTING = "Starting the functions and the page on a local Firestore."
CREATED = re.compile(r'"created":"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)"')


class Devserver(Program):
    post = FunctionServer.post

    def __init__(
        self, *options, command=("cmc_webhook.devserver",), any_storage_port=False, **environ
    ):
        names = ("port", "inbound_port", "firestore_port", "storage_port", "console_port")
        self.ports = {name: free_port() for name in names}
        self.port, self.inbound_port, self.firestore_port, _, self.console_port = (
            self.ports.values()
        )
        given = {"--" + name.replace("_", "-"): str(port) for name, port in self.ports.items()}
        left_out = {*options, *(["--storage-port"] if any_storage_port else [])}
        ports = [word for pair in given.items() if pair[0] not in left_out for word in pair]
        super().__init__(*command, *ports, *options, **environ)

    def wait(self):
        until(lambda: "Stop with Ctrl-C" in self.output() or self.process.poll() is not None)
        return self

    def printed(self, text):
        """Return the lines printed since it was ready, once *text* is among them."""
        until(lambda: text in self.output().partition("Stop with Ctrl-C.")[2])
        return self.output().partition("Stop with Ctrl-C.\n")[2].splitlines()


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


@pytest.mark.slow
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
    server = start(PYTHONPATH=no_emulator(tmp_path))

    [line] = [line for line in server.output().splitlines() if line.startswith("Received mail")]
    assert line == "Received mail    not started, it needs: pip install gcp-storage-emulator"
    assert server.post(*POST)[0] == 200
    assert not listens(server.inbound_port)


def no_emulator(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys; sys.modules['gcp_storage_emulator'] = None\n"
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if 'storage_emulator' in name else find(name, *a)\n"
    )
    return str(tmp_path)


@pytest.mark.parametrize("command", [["cmc_webhook.devserver"], ["cmc_webhook", "devserver"]])
def test_once_it_serves_it_prints_in_this_order_and_nothing_else(start, tmp_path, command):
    server = start(command=command)
    said = server.output()

    sample = re.search(r"curl (.*)", said)[0]
    assert said.splitlines() == [
        STARTING,
        f"Documents are in {tmp_path}/data.sqlite3. Settings of other programs:",
        f"  export FIRESTORE_EMULATOR_HOST=127.0.0.1:{server.firestore_port}",
        "  export GOOGLE_CLOUD_PROJECT=demo-cmc-webhook",
        "Send a test event:",
        f"  {sample}",
        "No credential is set: any program on this machine can post.",
        f"Status function  http://127.0.0.1:{server.port}",
        f"Received mail    http://127.0.0.1:{server.inbound_port}",
        f"Page             http://127.0.0.1:{server.console_port}",
        "Stop with Ctrl-C.",
    ]
    # Nothing comes later either: all of them can answer.
    for port in (server.console_port, server.port):
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/favicon.ico").close()
    time.sleep(1)
    assert server.output() == said


def test_its_sample_is_of_today_and_stats_show_it(start, monkeypatch):
    before = datetime.now(ZoneInfo("Asia/Tokyo")).replace(microsecond=0, tzinfo=None)
    server = start()
    after = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None)

    [curl] = [line.strip() for line in server.output().splitlines() if "curl" in line]
    assert before <= datetime.fromisoformat(CREATED.search(curl)[1]) <= after
    assert os.system(f"{curl} -s -o {os.devnull}") == 0
    assert [d["to"] for d in read(server, monkeypatch)] == ["user@example.jp"]
    exports = [line.strip() for line in server.output().splitlines() if "export " in line]
    command = f"{'; '.join(exports)}; {shlex.quote(sys.executable)} -m cmc_webhook stats --days 1"
    counted = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert counted.stdout.splitlines()[1].split()[:2] == ["Total", "1"]


def test_a_request_is_a_short_line(start):
    server = start()
    bad = make_record(messageId="")
    server.post(*POST)
    server.post(*POST)
    server.post(*as_json(make_post([make_record(to="second@example.jp"), bad])))
    server.post(b"hello=world")
    server.post(*POST, headers={"Content-Encoding": "gzip"})
    post_mail(server)

    lines = server.printed("inbound")

    assert [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in lines] == [
        "status 200 stored 1",
        "status 200 unchanged 1",
        "status 200 stored 1 quarantined 1 (missing_message_id)",
        "status 400 malformed_envelope",
        "status 400 encoded_body",
        "inbound 200 stored 1",
    ]
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)


def test_verbose_shows_what_the_programs_print_as_it_is(start):
    server = start("--verbose")
    server.post(*POST)

    [line] = [json.loads(line) for line in server.printed('"stored": 1') if '"stored"' in line]
    assert line["severity"] == "INFO"
    assert f"Page on http://127.0.0.1:{server.console_port}" in server.output()


def test_a_line_with_unstored_records_is_shown_whole(start, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'functions_framework' in sys.orig_argv:\n"
        f"    os.environ['FIRESTORE_EMULATOR_HOST'] = '127.0.0.1:{free_port()}'\n"
    )
    server = start(PYTHONPATH=str(tmp_path), CMC_LOG_UNSTORED="true")
    assert server.post(*POST)[0] == 503

    unstored, request = server.printed("store_unavailable")
    assert request.endswith(" status 503 store_unavailable 1 of 1 documents not stored in time")
    entry = json.loads(unstored.partition(" status ")[2])
    assert json.loads(entry["envelope"])["event"]["deliveries"] == [make_record()]


def test_a_wrong_name_of_a_setting_is_shown_before_the_addresses(start):
    server = start(CMC_TIMEZONE="UTC")
    before, after = server.output().split("Status function")

    assert "status CMC_TIMEZONE is not a setting of this version" in before
    assert "CMC_TIMEZONE" not in after


def test_a_traceback_of_a_function_is_shown_whole(start, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'functions_framework' in sys.orig_argv:\n"
        "    import flask\n"
        "    def broken(*_): raise RuntimeError('planted\\x1b[2J')\n"
        "    flask.Request.content_length = property(broken)\n"
    )
    server = start(PYTHONPATH=str(tmp_path))
    with contextlib.suppress(json.JSONDecodeError):  # the framework's 500 is HTML
        server.post(*POST)

    lines = server.printed("RuntimeError: planted")
    shown = [line.partition(" status ")[2] for line in lines]
    start_of_it = shown.index("Traceback (most recent call last):")
    assert "answers.py" in "".join(shown[start_of_it:])
    assert shown[-1] == "RuntimeError: planted\ufffd[2J"


def test_a_program_that_cannot_start_is_shown_with_what_it_printed(start, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys, time\n"
        "if {'--target', 'cmc_webhook'} <= {*sys.orig_argv}:\n"
        "    print('first', flush=True)\n"
        "    time.sleep(1)\n"
        "    print('planted', end='', flush=True)\n"
        "    os._exit(1)\n"
    )
    server = start(PYTHONPATH=str(tmp_path))

    assert server.process.wait(30) == 1
    said = server.output().splitlines()
    # The page may have printed, too, depending on how fast it starts.
    own = [line.partition(" status ")[2] for line in said[:-1] if " status " in line]
    assert own == ["first", "planted"]
    assert said[-1] == "Error: status ended by itself (exit status 1); see its output above."
    assert not any(map(listens, server.ports.values()))


@pytest.mark.parametrize(
    ("setting", "value", "sample"),
    [
        ("CMC_API_KEYS", "secret-key", "Bearer YOUR_KEY"),
        ("CMC_BASIC_CREDENTIALS", "name:secret-key", "-u USER:PASSWORD"),
    ],
)
def test_with_a_credential_in_the_environment_it_asks_for_it(start, setting, value, sample):
    server = start(**{setting: value})

    assert sample in server.output()
    assert "secret-key" not in server.output()
    assert "any program" not in server.output()
    assert server.post(*POST)[0] == 401
    header = (
        "Bearer secret-key"
        if setting == "CMC_API_KEYS"
        else "Basic " + base64.b64encode(value.encode()).decode()
    )
    assert server.post(*POST, headers={"Authorization": header})[0] == 200


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


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("CMC_TIME_ZONE", "Nowhere"),
        ("CMC_BASIC_CREDENTIALS", "secret"),
        ("CMC_INBOUND_COLLECTION", "a/b"),
    ],
)
def test_a_bad_setting_is_one_sentence(start, setting, value):
    server = start(command=["cmc_webhook", "devserver"], **{setting: value})

    assert server.process.wait(30) == 2
    [sentence] = server.output().splitlines()
    assert sentence.startswith("Error: CMC_")
    assert setting in sentence
    assert not listens(server.firestore_port)


def test_a_second_one_needs_only_the_ports_that_the_help_names(start):
    first = start("--data", ":memory:", any_storage_port=True)
    second = start("--data", ":memory:", any_storage_port=True)

    assert post_mail(second) == 200
    assert post_mail(first) == 200


SLOW = [pytest.param(delay_s, marks=pytest.mark.slow) for delay_s in (0.1, 0.3, 0.6, 1.5, 2, 3)]


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
    reason="a shell that runs this in the background makes every program ignore Ctrl-C",
)
@pytest.mark.parametrize("command", [["cmc_webhook.devserver"], ["cmc_webhook", "devserver"]])
@pytest.mark.parametrize("delay_s", [0, 1, *SLOW])
def test_ctrl_c_during_the_start_is_quiet(command, delay_s):
    server = Devserver("--data", ":memory:", command=command)
    # Python itself has started and is in the middle of our imports.
    until(lambda: "cygrpc" in Path(f"/proc/{server.process.pid}/maps").read_text())
    time.sleep(delay_s)

    try:
        status, said = server.send(signal.SIGINT), server.output()
    finally:
        server.stop()

    assert said in ("", f"{STARTING}\n") or said.endswith("Stop with Ctrl-C.\n")
    # No KeyboardInterrupt, which some library could swallow.
    assert status == -signal.SIGINT if delay_s == 0 else status in (0, -signal.SIGINT)
    assert not any(map(listens, server.ports.values()))


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
    until(lambda: "Stop with Ctrl-C." in server.output())

    assert server.output().splitlines() == [
        "Documents are in :memory:. Settings of other programs:",
        f"  export FIRESTORE_EMULATOR_HOST=127.0.0.1:{port}",
        "  export GOOGLE_CLOUD_PROJECT=demo-cmc-webhook",
        "Stop with Ctrl-C.",
    ]
    assert listens(port)
    assert server.send(signal.SIGINT) == 0
    server.stop()


START = Document("README.md").blocks("sh")[0]
OLD_PYTHONS = sorted(Path.home().glob(".pyenv/versions/3.10.*/bin/python3"))


def test_it_starts_a_stand_in_of_cmcs_rest_api():
    port, rest_port = free_port(), free_port()
    server = Program(
        "cmc_webhook.devserver", "--only-firestore", "--firestore-port", str(port),
        "--data", ":memory:", "--cmc-rest", str(rest_port),
    )  # fmt: skip
    until(lambda: "Stop with Ctrl-C." in server.output())

    said = server.output()
    assert "does not document, drawn with seed" in said
    exported = dict(re.findall(r"(CMC_[A-Z_]+)=(\S+)", said))
    assert exported["CMC_REST_URL"] == f"http://127.0.0.1:{rest_port}"
    body = {"api_user": exported["CMC_REST_USER"], "api_key": exported["CMC_REST_KEY"]}
    asked = body | {"year": 2026, "month": 11, "server_composition": exported["CMC_COMPOSITIONS"]}
    answer = requests.post(f"{exported['CMC_REST_URL']}/statistics/list.json", json=asked)
    assert answer.json() == {"statistics": []}
    assert server.send(signal.SIGINT) == 0
    server.stop()


def test_the_first_command_of_the_readme_checks_the_version_of_python():
    code = re.match("python3 -c '(.*)' &&\n", START)[1]
    old = f"import sys; sys.version_info = (3, 10, 13); exec({code!r})"

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    refused = subprocess.run([sys.executable, "-c", old], capture_output=True, text=True)
    assert (refused.returncode, refused.stderr) == (1, "This needs Python 3.11 or newer.\n")


@pytest.mark.skipif(not OLD_PYTHONS, reason="no Python 3.10 in ~/.pyenv")
def test_an_old_python_is_told_so_in_one_sentence(tmp_path):
    (tmp_path / "python3").symlink_to(OLD_PYTHONS[-1])
    environ = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}

    refused = subprocess.run(
        START, shell=True, cwd=tmp_path, env=environ, capture_output=True, text=True
    )

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "This needs Python 3.11 or newer.\n"
    assert not (tmp_path / ".venv").exists()


def test_help_names_every_option():
    helper = Program("cmc_webhook.devserver", "--help")
    helper.process.wait(30)

    options = ("--port", "--inbound-port", "--firestore-port", "--storage-port", "--console-port")
    for option in (*options, "--data", "--only-firestore", "--cmc-rest", "--verbose"):
        assert option in helper.output()
    helper.stop()
