"""`python -m cmc_webhook.devserver`: a local Firestore and the functions, until Ctrl-C."""

import logging
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from cmc_webhook.devserver import bucket
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
@click.option("--port", type=_PORT, default=8080, help="Port of the status function.")
@click.option("--inbound-port", type=_PORT, default=8083, help="Port for received mail.")
@click.option(
    "--firestore-port",
    type=click.IntRange(0, 65535),
    default=8081,
    help="Port of the Firestore, 0 for any.",
)
@click.option("--storage-port", type=_PORT, default=8084, help="Port of the bucket.")
@click.option("--data", default=DATA, help="File that keeps the documents, or :memory:.")
@click.option("--only-firestore", is_flag=True, help="Start the Firestore without the functions.")
def main(only_firestore: bool, firestore_port: int, data: str, **ports: int) -> None:
    """
    Run the functions on a local Firestore and a local bucket, all on 127.0.0.1 only.

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
                _run_functions(ports, folder, firestore.address, stopping)
        finally:
            firestore.stop()
    except StartError as error:
        raise click.ClickException(str(error)) from error


def _run_functions(
    ports: Mapping[str, int], folder: Path | None, firestore: str, stopping: threading.Event
) -> None:
    project = os.environ.get("GOOGLE_CLOUD_PROJECT") or PROJECT
    environ = function_environ(os.environ, firestore_address=firestore, project=project)
    with ExitStack() as stack:
        status = FunctionProcess("cmc_webhook", ports["port"], environ, option="--port")
        functions = [status]
        stack.callback(status.stop)
        if bucket.is_installed():
            named = stack.enter_context(bucket.running(ports["storage_port"], folder))
            port = ports["inbound_port"]
            inbound = FunctionProcess(
                "cmc_inbound", port, {**environ, **named}, option="--inbound-port"
            )
            stack.callback(inbound.stop)
            functions.append(inbound)
        for function in functions:
            function.wait_until_serving()
        _say_functions([function.port for function in functions], project)
        while not stopping.wait(0.2):
            for function in functions:
                if function.ended():
                    raise StartError(function.farewell())


def _say_firestore(firestore: FirestoreServer, data: str) -> None:
    click.echo(f"Firestore on {firestore.address}, documents in {data}. For other programs:")
    click.echo(f"  export FIRESTORE_EMULATOR_HOST={firestore.address}")


def _say_functions(ports: Sequence[int], project: str) -> None:
    click.echo(f"  export GOOGLE_CLOUD_PROJECT={project}")
    asked = asks_credentials(os.environ)
    whose = (
        "with the credentials of the environment"
        if asked
        else "open to every program on this machine"
    )
    key = ' -H "Authorization: Bearer YOUR_KEY"' if asked else ""
    for port, what in zip(ports, ("The status function", "Received mail"), strict=False):
        click.echo(f"{what} on http://{HOST}:{port}, {whose}.")
    if len(ports) == 1:
        click.echo(bucket.MISSING)
    click.echo(f"Try it:\n  curl{key} http://{HOST}:{ports[0]} --data-urlencode '{_SAMPLE}'")
    click.echo("Stop with Ctrl-C.")


_SAMPLE = (
    'event={"deliveries":[{"status":"queued","created":"2025-01-25 14:03:06",'
    '"messageId":"<hello@example.com>","to":"user@example.jp","subject":"こんにちは"}]}'
)

if __name__ == "__main__":
    main(prog_name="python -m cmc_webhook.devserver")
