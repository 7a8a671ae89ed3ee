"""`python -m cmc_webhook.devserver`: a local Firestore and the functions, until Ctrl-C."""

import logging
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import click

from cmc_webhook.devserver import bucket
from cmc_webhook.devserver.programs import (
    HOST,
    asks_credentials,
    console,
    function_environ,
    inbound_function,
    status_function,
)
from cmc_webhook.local_firestore.errors import StartError
from cmc_webhook.local_firestore.server import FirestoreServer, start

DATA = ".devserver/firestore.sqlite3"
PROJECT = "demo-cmc-webhook"
_PORT = click.IntRange(1, 65535)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--port", type=_PORT, default=8080, help="Port of the status function.")
@click.option("--inbound-port", type=_PORT, default=8083, help="Port for received mail.")
@click.option(
    "--firestore-port",
    type=click.IntRange(0, 65535),
    default=8081,
    help="Port of the Firestore, 0 for any.",
)
@click.option("--storage-port", type=_PORT, default=8084, help="Port of the bucket.")
@click.option("--console-port", type=_PORT, default=8082, help="Port of the page.")
@click.option("--data", default=DATA, help="File that keeps the documents, or :memory:.")
@click.option("--only-firestore", is_flag=True, help="Start the Firestore and nothing else.")
def main(only_firestore: bool, firestore_port: int, data: str, **ports: int) -> None:
    """
    Run the functions and the page on a local Firestore.

    A bucket for attachments comes with it. All of them listen on 127.0.0.1 only.

    The settings of the functions are taken from the environment, as in
    production. With no credential set they accept posts from anybody on this
    machine.
    """
    logging.basicConfig(format="Firestore: %(message)s", level=logging.INFO)
    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
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
                folder = None if data == ":memory:" else Path(data).parent
                _run_programs(ports, folder, firestore.address, stopping)
        finally:
            firestore.stop()
    except StartError as error:
        raise click.ClickException(str(error)) from error


def _run_programs(
    ports: Mapping[str, int], folder: Path | None, firestore: str, stopping: threading.Event
) -> None:
    project = os.environ.get("GOOGLE_CLOUD_PROJECT") or PROJECT
    environ = function_environ(os.environ, firestore_address=firestore, project=project)
    with ExitStack() as running:
        with_bucket = bucket.is_installed()
        if with_bucket:
            named = running.enter_context(bucket.running(ports["storage_port"], folder))
            environ = {**environ, **named}
        programs = [running.enter_context(status_function(ports["port"], environ))]
        page = console(ports["console_port"], ports["port"], environ)
        programs.append(running.enter_context(page))
        if with_bucket:
            inbound = inbound_function(ports["inbound_port"], environ)
            programs.append(running.enter_context(inbound))
        for program in programs:
            program.wait_until_serving()
        _say_programs(ports, project, with_bucket=with_bucket)
        while not stopping.wait(0.2):
            for program in programs:
                if program.ended():
                    raise StartError(program.farewell())


def _say_firestore(firestore: FirestoreServer, data: str) -> None:
    click.echo(f"Firestore on {firestore.address}, documents in {data}. For other programs:")
    click.echo(f"  export FIRESTORE_EMULATOR_HOST={firestore.address}")


def _say_programs(ports: Mapping[str, int], project: str, *, with_bucket: bool) -> None:
    click.echo(f"  export GOOGLE_CLOUD_PROJECT={project}")
    asked = asks_credentials(os.environ)
    whose = (
        "with the credentials of the environment"
        if asked
        else "open to every program on this machine"
    )
    key = ' -H "Authorization: Bearer YOUR_KEY"' if asked else ""
    address = f"http://{HOST}:{ports['port']}"
    click.echo(f"The status function on {address}, {whose}.")
    if with_bucket:
        click.echo(f"Received mail on http://{HOST}:{ports['inbound_port']}, {whose}.")
    else:
        click.echo(bucket.MISSING)
    click.echo(f"Try it:\n  curl{key} {address} --data-urlencode '{_SAMPLE}'")
    click.echo(f"See what became of it:\n  http://{HOST}:{ports['console_port']}")
    click.echo("Stop with Ctrl-C.")


_SAMPLE = (
    'event={"deliveries":[{"status":"queued","created":"2025-01-25 14:03:06",'
    '"messageId":"<hello@example.com>","to":"user@example.jp","subject":"こんにちは"}]}'
)

if __name__ == "__main__":
    main(prog_name="python -m cmc_webhook.devserver")
