"""`python -m cmc_webhook.devserver`: a local Firestore and the function, until Ctrl-C."""

import logging
import os
import signal
import threading
from pathlib import Path

import click

from cmc_webhook.devserver.errors import StartError
from cmc_webhook.devserver.firestore import FirestoreServer, start
from cmc_webhook.devserver.function import (
    HOST,
    FunctionProcess,
    asks_credentials,
    function_environ,
)

DATA = ".devserver/firestore.sqlite3"
PROJECT = "demo-cmc-webhook"
_PORT = click.IntRange(1, 65535)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--port", type=_PORT, default=8080, help="Port of the function.")
@click.option(
    "--firestore-port",
    type=click.IntRange(0, 65535),
    default=8081,
    help="Port of the Firestore, 0 for any.",
)
@click.option("--data", default=DATA, help="File that keeps the documents, or :memory:.")
@click.option("--only-firestore", is_flag=True, help="Start the Firestore without the function.")
def main(port: int, firestore_port: int, data: str, only_firestore: bool) -> None:
    """
    Run the function on a local Firestore, both on 127.0.0.1 only.

    The settings of the function are taken from the environment, as in
    production. With no credential set it accepts posts from anybody on this
    machine.
    """
    logging.basicConfig(format="Firestore: %(message)s", level=logging.INFO)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    try:
        if data == DATA:
            Path(data).parent.mkdir(exist_ok=True)
        firestore = start(data, firestore_port)
        try:
            _say_firestore(firestore, data)
            if only_firestore:
                stopping.wait()
            else:
                _run_function(port, firestore, stopping)
        finally:
            firestore.stop()
    except StartError as error:
        raise click.ClickException(str(error)) from error


def _run_function(port: int, firestore: FirestoreServer, stopping: threading.Event) -> None:
    project = os.environ.get("GOOGLE_CLOUD_PROJECT") or PROJECT
    environ = function_environ(os.environ, firestore_address=firestore.address, project=project)
    function = FunctionProcess(port, environ)
    try:
        function.wait_until_serving()
        _say_function(function.port, project)
        while not stopping.wait(0.2):
            if function.ended():
                raise StartError(function.farewell())
    finally:
        function.stop()


def _say_firestore(firestore: FirestoreServer, data: str) -> None:
    click.echo(f"Firestore on {firestore.address}, documents in {data}. For other programs:")
    click.echo(f"  export FIRESTORE_EMULATOR_HOST={firestore.address}")


def _say_function(port: int, project: str) -> None:
    click.echo(f"  export GOOGLE_CLOUD_PROJECT={project}")
    key = ""
    if asks_credentials(os.environ):
        key = ' -H "Authorization: Bearer YOUR_KEY"'
        click.echo(f"Function on http://{HOST}:{port}, with the credentials of the environment.")
    else:
        click.echo(f"Function on http://{HOST}:{port}, open to every program on this machine.")
    click.echo(f"Try it:\n  curl{key} http://{HOST}:{port} --data-urlencode '{_SAMPLE}'")
    click.echo("Stop with Ctrl-C.")


_SAMPLE = (
    'event={"deliveries":[{"status":"queued","created":"2025-01-25 14:03:06",'
    '"messageId":"<hello@example.com>","to":"user@example.jp","subject":"こんにちは"}]}'
)

if __name__ == "__main__":
    main(prog_name="python -m cmc_webhook.devserver")
