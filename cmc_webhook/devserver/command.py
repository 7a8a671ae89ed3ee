"""`devserver`: the functions, the page and a local Firestore, until Ctrl-C."""

import logging
import os
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import click

from cmc_webhook.devserver import DATA_FILE, bucket
from cmc_webhook.devserver.programs import (
    HOST,
    Program,
    console,
    free_port,
    function,
    function_environ,
)
from cmc_webhook.devserver.supervisor import Supervisor
from cmc_webhook.local_firestore.errors import StartError
from cmc_webhook.local_firestore.server import start
from cmc_webhook.reading import table
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.language import text, texts
from cmc_webhook.settings import (
    API_KEYS,
    BASIC_CREDENTIALS,
    StatusSettings,
    from_env,
    inbound_from_env,
)
from cmc_webhook.simulator import rest
from cmc_webhook.simulator.scenarios import COMPOSITION


def devserver(
    only_firestore: bool, verbose: bool, firestore_port: int, data: str, **ports: int
) -> None:
    """Run the functions and the page on a local Firestore, whose documents are in *data*."""
    supervisor = Supervisor(verbose=verbose)
    logging.basicConfig(
        format="%(asctime)s firestore %(message)s",
        datefmt="%H:%M:%S",
        level=logging.INFO,
        stream=sys.stdout,
    )
    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    project = FirestoreOptions(project="", database="").named_project
    if data == DATA_FILE:
        Path(data).parent.mkdir(exist_ok=True)
    try:
        with ExitStack() as running:
            firestore = start(data, free_port(firestore_port, "--firestore-port"))
            running.callback(firestore.stop)
            greeting = [
                text("devserver.documents", file=data),
                f"  export FIRESTORE_EMULATOR_HOST={firestore.address}",
                f"  export GOOGLE_CLOUD_PROJECT={project}",
            ]
            if port := ports["cmc_rest"]:
                greeting += _start_stand_in(running, free_port(port, "--cmc-rest"))
            programs: list[Program] = []
            if not only_firestore:
                environ = function_environ(
                    os.environ, firestore_address=firestore.address, project=project
                )
                # Checked here, or every program would print the same error.
                settings = from_env(environ)
                inbound_from_env({**environ, "CMC_ATTACHMENT_BUCKET": bucket.NAME})
                click.echo(text("devserver.starting"))
                folder = None if data == ":memory:" else Path(data).parent
                started = _start_programs(running, ports, folder, environ)
                programs = [running.enter_context(program) for program in started]
                greeting += _how_to_try_it(ports, settings)
            supervisor.run(programs, [*greeting, text("devserver.stop")])
    except StartError as error:
        raise click.ClickException(texts().translated(str(error))) from error


def _start_programs(
    running: ExitStack, ports: Mapping[str, int], folder: Path | None, environ: Mapping[str, str]
) -> Iterator[Program]:
    """Start the programs, and the bucket, which is kept in *folder* or memory, in *running*."""
    with_bucket = bucket.is_installed()
    if with_bucket:
        bucket_environ = running.enter_context(bucket.running(ports["storage_port"], folder))
        environ = {**environ, **bucket_environ}
    yield function("status", "cmc_webhook", ports["port"], "--port", environ)
    yield console(ports["console_port"], ports["port"], environ)
    if with_bucket:
        yield function("inbound", "cmc_inbound", ports["inbound_port"], "--inbound-port", environ)


def _start_stand_in(running: ExitStack, port: int) -> Iterator[str]:
    """Yield how to use a stand-in of CMC's REST API, which *running* stops."""
    seed = random.SystemRandom().getrandbits(32)
    unknowns = rest.draw(random.Random(seed))
    url = running.enter_context(rest.serving(rest.CmcRest(unknowns), HOST, port))
    yield text("devserver.cmc_rest", seed=seed, unknowns=unknowns)
    yield f"  export CMC_REST_URL={url} CMC_COMPOSITIONS={COMPOSITION}"
    yield f"  export CMC_REST_USER={rest.USER} CMC_REST_KEY={rest.KEY}"


def _how_to_try_it(ports: Mapping[str, int], settings: StatusSettings) -> Iterator[str]:
    url = f"http://{HOST}:{ports['port']}"
    if settings.credentials[API_KEYS]:
        credential = ' -H "Authorization: Bearer YOUR_KEY"'
    elif settings.credentials[BASIC_CREDENTIALS]:
        credential = " -u USER:PASSWORD"
    else:
        credential = ""
    yield text("devserver.try_with_credential" if credential else "devserver.try")
    yield f"  curl{credential} {url} --data-urlencode '{_sample(settings)}'"
    if not credential:
        yield text("devserver.open_to_all")
    yield _address("status", url)
    if bucket.is_installed():
        yield _address("received", f"http://{HOST}:{ports['inbound_port']}")
    else:
        yield _address("received", text("devserver.no_bucket", package=bucket.EMULATOR))
    yield _address("page", f"http://{HOST}:{ports['console_port']}")


def _address(name: str, address: str) -> str:
    return table.pad(text(f"devserver.{name}"), 17) + address


def _sample(settings: StatusSettings) -> str:
    """Return a form field with an event of now, because the page shows the last day."""
    created = datetime.now(settings.time_zone).strftime("%Y-%m-%d %H:%M:%S")
    return (
        f'event={{"deliveries":[{{"status":"queued","created":"{created}",'
        '"messageId":"<hello@example.com>","to":"user@example.jp","subject":"こんにちは"}]}'
    )
