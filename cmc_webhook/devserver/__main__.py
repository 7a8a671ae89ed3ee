"""`python -m cmc_webhook.devserver`: a local Firestore and the function, until Ctrl-C."""

import logging
import os
import signal
import threading
from contextlib import ExitStack
from pathlib import Path

import click

from cmc_webhook.devserver.errors import StartError
from cmc_webhook.devserver.firestore import FirestoreServer, start
from cmc_webhook.devserver.programs import (
    HOST,
    asks_credentials,
    console,
    function,
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
@click.option("--console-port", type=_PORT, default=8082, help="Port of the page.")
@click.option("--data", default=DATA, help="File that keeps the documents, or :memory:.")
@click.option("--only-firestore", is_flag=True, help="Start the Firestore without the function.")
def main(
    port: int, firestore_port: int, console_port: int, data: str, only_firestore: bool
) -> None:
    """
    Run the function and the page to read statuses in on a local Firestore.

    All three are on 127.0.0.1 only.

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
                _run_programs(port, console_port, firestore, stopping)
        finally:
            firestore.stop()
    except StartError as error:
        raise click.ClickException(str(error)) from error


def _run_programs(
    port: int, console_port: int, firestore: FirestoreServer, stopping: threading.Event
) -> None:
    project = os.environ.get("GOOGLE_CLOUD_PROJECT") or PROJECT
    environ = function_environ(os.environ, firestore_address=firestore.address, project=project)
    with ExitStack() as running:
        programs = [
            running.enter_context(program)
            for program in (function(port, environ), console(console_port, port, environ))
        ]
        for program in programs:
            program.wait_until_serving()
        _say_function(port, project, console_port)
        while not stopping.wait(0.2):
            for program in programs:
                if program.ended():
                    raise StartError(program.farewell())


def _say_firestore(firestore: FirestoreServer, data: str) -> None:
    click.echo(f"Firestore on {firestore.address}, documents in {data}. For other programs:")
    click.echo(f"  export FIRESTORE_EMULATOR_HOST={firestore.address}")


def _say_function(port: int, project: str, console_port: int) -> None:
    click.echo(f"  export GOOGLE_CLOUD_PROJECT={project}")
    key = ""
    if asks_credentials(os.environ):
        key = ' -H "Authorization: Bearer YOUR_KEY"'
        click.echo(f"Function on http://{HOST}:{port}, with the credentials of the environment.")
    else:
        click.echo(f"Function on http://{HOST}:{port}, open to every program on this machine.")
    click.echo(f"Try it:\n  curl{key} http://{HOST}:{port} --data-urlencode '{_SAMPLE}'")
    click.echo(f"See what became of it:\n  http://{HOST}:{console_port}")
    click.echo("Stop with Ctrl-C.")


_SAMPLE = (
    'event={"deliveries":[{"status":"queued","created":"2025-01-25 14:03:06",'
    '"messageId":"<hello@example.com>","to":"user@example.jp","subject":"こんにちは"}]}'
)

if __name__ == "__main__":
    main(prog_name="python -m cmc_webhook.devserver")
