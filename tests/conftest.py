"""Fixtures: the real clients on real servers, the functions under functions-framework."""

import functools
import itertools
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import functions_framework
import hypothesis
import pytest
from flask.testing import FlaskClient
from gcp_storage_emulator.server import create_server
from google.cloud import firestore, storage
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from tests.support import tally
from tests.support.faults import FaultyFirestore
from tests.support.processes import free_port
from tests.support.records import as_json, make_post
from tests.support.server import FunctionServer

EMULATOR = os.environ.get("FIRESTORE_EMULATOR_HOST")
MAIN = Path(__file__).parents[1] / "main.py"

# How often the random tests run, and how often with --all.
NUMBERS = {"--seeds": (18, 180), "--rounds": (1, 3), "--fuzz": (200, 2000)}
# Every server comes from one of these fixtures, or from what a test imports of these modules.
SERVERS = {"firestore_address", "storage_url", "serve_app", "browser", "cloud"}
STARTERS = (
    *("tests.support.processes", "tests.support.server", "tests.by_hand", "cmc_webhook.local"),
    "tests.deployment.conftest",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the slow tests too, at full size")
    for option, what in (
        ("--seeds", "random schedules of faults"),
        ("--rounds", "rounds of killing processes"),
        ("--fuzz", "odd requests"),
    ):
        few, many = NUMBERS[option]
        parser.addoption(option, type=int, help=f"{what}: {few}, with --all {many}")
    parser.addoption("--first-seed", type=int, default=0, help="the first of --seeds and --fuzz")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run in parallel unless -n is given: two workers a core, as much of the time is waiting."""
    if hasattr(config, "workerinput") or getattr(config.option, "numprocesses", 0) is not None:
        return  # a worker, or -n, or no xdist
    config.option.numprocesses = 0 if config.option.usepdb else 2 * (os.cpu_count() or 1)
    if config.option.dist == "no":
        config.option.dist = "worksteal"


def pytest_configure(config: pytest.Config) -> None:
    everything = config.getoption("--all")
    if not everything and not config.option.markexpr:
        config.option.markexpr = "not slow"
    # No deadline: on a busy machine it would fail a test that is right.
    examples = 1000 if everything else 100
    hypothesis.settings.register_profile("ours", deadline=None, max_examples=examples)
    hypothesis.settings.load_profile("ours")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in tally.table(itertools.chain(*terminalreporter.stats.values())):
        terminalreporter.write_line(line)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for mark in metafunc.definition.iter_markers("repeat"):
        argument, option = mark.args
        metafunc.parametrize(argument, _numbers(metafunc.config, option))


def _numbers(config: pytest.Config, option: str) -> range:
    few, many = NUMBERS[option]
    count = config.getoption(option) or (many if config.getoption("--all") else few)
    first = 0 if option == "--rounds" else config.getoption("--first-seed")
    return range(first, first + count)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        builtin = item.get_closest_marker("builtin")
        if EMULATOR and builtin:
            why = "".join(builtin.args) or "only the built-in Firestore promises this"
            item.add_marker(pytest.mark.skip(reason=why))
        if _is_pure(item):
            item.add_marker("pure")


def _is_pure(item: pytest.Item) -> bool:
    """Whether the test asks for no server, and its module imports nothing that starts one."""
    imported = {getattr(value, "__module__", None) or "" for value in vars(item.module).values()}
    starts = any(name.startswith(STARTERS) for name in imported)
    return not starts and SERVERS.isdisjoint(item.fixturenames)


@pytest.fixture
def fuzz_seeds(pytestconfig: pytest.Config) -> range:
    """The seeds of odd requests to try."""
    return _numbers(pytestconfig, "--fuzz")


@pytest.fixture
def scale(pytestconfig: pytest.Config) -> float:
    """By what a test multiplies a size that takes long: a quarter, with --all the whole."""
    return 1.0 if pytestconfig.getoption("--all") else 0.25


@pytest.fixture(name="tally")
def tally_of_rounds(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Count a round of a fault and check it; `tally.close` says what it takes."""
    return functools.partial(tally.close, record_property)


@pytest.fixture(scope="session")
def firestore_address() -> Iterator[str]:
    """The Firestore that FIRESTORE_EMULATOR_HOST names, else one with the indexes of production."""
    if EMULATOR:
        yield EMULATOR
        return

    from cmc_webhook.local_firestore.server import start
    from tests.support import index_definitions

    server = start(data=":memory:", port=0, indexes=index_definitions.of_production())
    os.environ["FIRESTORE_EMULATOR_HOST"] = server.address
    yield server.address
    del os.environ["FIRESTORE_EMULATOR_HOST"]
    server.stop()


@pytest.fixture
def faulty(firestore_address: str) -> Iterator[FaultyFirestore]:
    """A proxy before it, whose calls fail by a plan."""
    proxy = FaultyFirestore(firestore_address)
    yield proxy
    proxy.stop()


@pytest.fixture
def client(firestore_address: str) -> firestore.Client:
    """A client of a project that no other test uses."""
    return firestore.Client(project=f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def documents(client: firestore.Client) -> Callable[..., dict[str, dict[str, Any]]]:
    """Read a whole collection back: fields by document id."""

    def read(collection: str = "mail_statuses") -> dict[str, dict[str, Any]]:
        return {
            snapshot.id: snapshot.to_dict() for snapshot in client.collection(collection).stream()
        }

    return read


@pytest.fixture
def quarantine(documents: Callable[..., Any]) -> Callable[[], list[dict[str, Any]]]:
    """Read the entries of the quarantine."""
    return lambda: list(documents("mail_statuses_quarantine").values())


@pytest.fixture
def make_app(
    client: firestore.Client, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., FlaskClient]:
    """Start main.py as functions-framework does, on the test's own project."""

    def make(target: str, **environ: str) -> FlaskClient:
        for name in [name for name in os.environ if name.startswith("CMC_")]:
            monkeypatch.delenv(name)
        monkeypatch.delenv("FUNCTION_TARGET", raising=False)  # the framework sets it for good
        for name, value in {"GOOGLE_CLOUD_PROJECT": client.project, **environ}.items():
            monkeypatch.setenv(name, value)
        return functions_framework.create_app(target, str(MAIN)).test_client()

    return make


@pytest.fixture
def make_function(make_app: Callable[..., FlaskClient]) -> Callable[..., FlaskClient]:
    """Start the status function."""
    return functools.partial(make_app, "cmc_webhook")


@pytest.fixture(scope="session")
def storage_url() -> Iterator[str]:
    port = free_port()
    server = create_server("127.0.0.1", port, in_memory=True)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def bucket(storage_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[storage.Bucket]:
    """A bucket that no other test uses."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage_url)
    client = storage.Client(project="demo-storage")
    yield client.create_bucket(f"test-{uuid.uuid4().hex[:12]}")
    client.close()


@pytest.fixture
def make_inbound(
    make_app: Callable[..., FlaskClient], bucket: storage.Bucket
) -> Callable[..., FlaskClient]:
    """Start the function for received mail on the test's own bucket."""
    return functools.partial(make_app, "cmc_inbound", CMC_ATTACHMENT_BUCKET=bucket.name)


@pytest.fixture
def inbound(make_inbound: Callable[..., FlaskClient]) -> FlaskClient:
    """The function open to everybody."""
    return make_inbound(CMC_ALLOW_UNAUTHENTICATED="true")


@pytest.fixture
def function(make_function: Callable[..., FlaskClient]) -> FlaskClient:
    """The function as the devserver starts it: open to everybody."""
    return make_function(CMC_ALLOW_UNAUTHENTICATED="true")


@pytest.fixture
def post(function: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TestResponse]:
    """
    Post records to the open function, as JSON by default.

    A busy machine is no fault, so the function may take longer than its sender would wait.
    """
    monkeypatch.setattr("cmc_webhook.status.webhook.StatusWebhook.budget_s", 60.0)

    def send(deliveries: Any = None, bounces: Any = None, encode: Any = as_json) -> TestResponse:
        body, content_type = encode(make_post(deliveries, bounces))
        return function.post("/", data=body, content_type=content_type)

    return send


@pytest.fixture
def serve_app() -> Iterator[Callable[..., str]]:
    """Serve an application of this process on a port, and return its address."""
    servers = []

    def serve(app, port=0) -> str:
        servers.append(make_server("127.0.0.1", port, app, threaded=True))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def serve(
    client: firestore.Client, firestore_address: str
) -> Iterator[Callable[..., FunctionServer]]:
    """Start the function in a process of its own, under gunicorn, as often as wanted."""
    servers: list[FunctionServer] = []

    def start_function(target: str = "cmc_webhook", **environ: str) -> FunctionServer:
        named = {
            "FIRESTORE_EMULATOR_HOST": firestore_address,
            "GOOGLE_CLOUD_PROJECT": client.project,
        }
        servers.append(FunctionServer(named | environ, target))
        return servers[-1]

    yield start_function
    for server in servers:
        server.stop()
