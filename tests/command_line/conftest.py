"""The real commands on the test's own project, and the function on a port."""

import os
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from google.cloud import firestore

from cmc_webhook.command_line.main import main
from cmc_webhook.reading import opened


@pytest.fixture
def run(client, firestore_address, monkeypatch) -> Callable[..., Result]:
    """Run `python -m cmc_webhook` with these arguments, on 80 columns."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_address)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", client.project)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")  # decides the language of `show`

    def invoke(*arguments: str, input: str | None = None) -> Result:
        # What is named here, click puts back after a command that has changed it.
        kept = {"FIRESTORE_EMULATOR_HOST": os.environ["FIRESTORE_EMULATOR_HOST"]}
        result = CliRunner(env=kept).invoke(main, arguments, input=input)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def real_project(client, firestore_address, monkeypatch) -> str:
    """A project that --project opens as a real one, though its client goes to the local server."""

    def local_client(project: str, database: str) -> firestore.Client:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FIRESTORE_EMULATOR_HOST", firestore_address)
            return firestore.Client(project=project, database=database)

    monkeypatch.setattr(opened, "_client", local_client)
    return client.project


@pytest.fixture
def serve_here(make_function, serve_app, monkeypatch) -> Callable[..., str]:
    """Serve a function on a free port, in this process, with these settings."""

    def serve(make: Callable[..., FlaskClient] = make_function, **environ: str) -> str:
        app = make(**environ).application
        for name in environ:  # they are the function's, not the command's
            monkeypatch.delenv(name)
        return serve_app(app)

    return serve


@pytest.fixture
def url(serve_here) -> str:
    """The function as the devserver starts it: open to everybody."""
    return serve_here(CMC_ALLOW_UNAUTHENTICATED="true")


@pytest.fixture
def inbound_url(serve_here, make_inbound) -> str:
    """The function for received mail, open to everybody."""
    return serve_here(make_inbound, CMC_ALLOW_UNAUTHENTICATED="true")
