"""`devserver`: the functions, the page and a local Firestore, until Ctrl-C."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cmc_webhook.devserver import bucket
from cmc_webhook.devserver.programs import (
    HOST,
    Program,
    console,
    free_port,
    function,
    function_environ,
)
from cmc_webhook.devserver.supervisor import Supervisor
from cmc_webhook.local_firestore.server import start
from cmc_webhook.reading.options import BadSetting
from cmc_webhook.settings import (
    API_KEYS,
    BASIC_CREDENTIALS,
    SettingsError,
    StatusSettings,
    from_env,
    inbound_from_env,
)

_DATA = ".devserver/firestore.sqlite3"
_PROJECT = "demo-cmc-webhook"


def _port_option(name: str, default: int, text: str, lowest: int = 1) -> Callable[..., Any]:
    kind = click.IntRange(lowest, 65535)
    return click.option(name, type=kind, metavar="PORT", default=default, help=text)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@_port_option("--port", 8080, "Port of the status function.")
@_port_option("--inbound-port", 8083, "Port of the function for received mail.")
@_port_option("--console-port", 8082, "Port of the page.")
@_port_option("--firestore-port", 8081, "Port of the Firestore, 0 for any.", lowest=0)
@_port_option("--storage-port", 0, "Port of the bucket for attachments, 0 for any.", lowest=0)
@click.option(
    "--data", metavar="FILE", default=_DATA, help="File that keeps the documents, or :memory:."
)
@click.option("--only-firestore", is_flag=True, help="Start the Firestore and nothing else.")
@click.option("--verbose", is_flag=True, help="Show what the programs print as it is.")
def devserver(
    only_firestore: bool, verbose: bool, firestore_port: int, data: str, **ports: int
) -> None:
    """
    Run the functions and the page on a local Firestore.

    Everything listens on 127.0.0.1 only and runs until Ctrl-C. The settings of the
    functions are taken from the environment, as in production. Without a credential
    there, any program on this machine can post.

    It prints a line for each request, such as "12:00:01 status 200 stored 1", and
    whatever else the functions and the page print.

    \b
    python -m cmc_webhook devserver
    python -m cmc_webhook devserver --only-firestore --data :memory:
    """
    supervisor = Supervisor(verbose=verbose)
    logging.basicConfig(
        format="%(asctime)s firestore %(message)s",
        datefmt="%H:%M:%S",
        level=logging.INFO,
        stream=sys.stdout,
    )
    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
    project = os.environ.get("GOOGLE_CLOUD_PROJECT") or _PROJECT
    if data == _DATA:
        Path(data).parent.mkdir(exist_ok=True)
    try:
        with ExitStack() as running:
            firestore = start(data, free_port(firestore_port, "--firestore-port"))
            running.callback(firestore.stop)
            greeting = [
                f"Documents are in {data}. Settings of other programs:",
                f"  export FIRESTORE_EMULATOR_HOST={firestore.address}",
                f"  export GOOGLE_CLOUD_PROJECT={project}",
            ]
            programs = []
            if not only_firestore:
                environ = function_environ(
                    os.environ, firestore_address=firestore.address, project=project
                )
                # Checked here, or every program would print the same error.
                settings = from_env(environ)
                inbound_from_env({**environ, "CMC_ATTACHMENT_BUCKET": bucket.NAME})
                click.echo("Starting the functions and the page on a local Firestore.")
                folder = None if data == ":memory:" else Path(data).parent
                programs = _start_programs(running, ports, folder, environ)
                greeting += _how_to_try_it(ports, settings)
            supervisor.run(programs, [*greeting, "Stop with Ctrl-C."])
    except SettingsError as error:
        raise BadSetting(str(error)) from error


def _start_programs(
    running: ExitStack, ports: Mapping[str, int], folder: Path | None, environ: Mapping[str, str]
) -> list[Program]:
    """Return the programs, which *running* stops. The bucket is kept in *folder* or in memory."""
    with_bucket = bucket.is_installed()
    if with_bucket:
        bucket_environ = running.enter_context(bucket.running(ports["storage_port"], folder))
        environ = {**environ, **bucket_environ}
    status = function("status", "cmc_webhook", ports["port"], "--port", environ)
    programs = [running.enter_context(status)]
    page = console(ports["console_port"], ports["port"], environ)
    programs.append(running.enter_context(page))
    if with_bucket:
        port = ports["inbound_port"]
        inbound = function("inbound", "cmc_inbound", port, "--inbound-port", environ)
        programs.append(running.enter_context(inbound))
    return programs


def _how_to_try_it(ports: Mapping[str, int], settings: StatusSettings) -> Iterator[str]:
    url = f"http://{HOST}:{ports['port']}"
    if settings.credentials[API_KEYS]:
        credential = ' -H "Authorization: Bearer YOUR_KEY"'
    elif settings.credentials[BASIC_CREDENTIALS]:
        credential = " -u USER:PASSWORD"
    else:
        credential = ""
    yield f"Send a test event{' with one of your credentials' if credential else ''}:"
    yield f"  curl{credential} {url} --data-urlencode '{_sample(settings)}'"
    if not credential:
        yield "No credential is set: any program on this machine can post."
    yield f"Status function  {url}"
    if bucket.is_installed():
        yield f"Received mail    http://{HOST}:{ports['inbound_port']}"
    else:
        yield f"Received mail    not started, it needs: pip install {bucket.EMULATOR}"
    yield f"Page             http://{HOST}:{ports['console_port']}"


def _sample(settings: StatusSettings) -> str:
    """Return a form field with an event of now, because the page shows the last day."""
    created = datetime.now(settings.time_zone).strftime("%Y-%m-%d %H:%M:%S")
    return (
        f'event={{"deliveries":[{{"status":"queued","created":"{created}",'
        '"messageId":"<hello@example.com>","to":"user@example.jp","subject":"こんにちは"}]}'
    )
