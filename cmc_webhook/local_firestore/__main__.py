"""`python -m cmc_webhook.local_firestore`: the server alone, until Ctrl-C."""

import json
import logging
import signal
import threading
from typing import Any

import click

from cmc_webhook.local_firestore.errors import StartError
from cmc_webhook.local_firestore.server import LOOPBACK, start


@click.command(context_settings={"show_default": True})
@click.option("--firestore-port", type=click.IntRange(0, 65535), default=8081, help="0 for any.")
@click.option("--host", default=LOOPBACK, help="The address to listen on.")
@click.option("--data", default=":memory:", help="File that keeps the documents, or :memory:.")
@click.option("--indexes", type=click.File(), help="A firestore.indexes.json: refuse the rest.")
def main(firestore_port: int, host: str, data: str, indexes: Any) -> None:
    """Serve a Firestore for tests and development."""
    logging.basicConfig(format="Firestore: %(message)s", level=logging.INFO)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        definitions = json.load(indexes) if indexes else None
        server = start(data, firestore_port, host=host, indexes=definitions)
    except (StartError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    if host != LOOPBACK:
        click.echo(
            f"Warning: everybody who reaches {server.address} can read and change everything.",
            err=True,
        )
    click.echo(f"Firestore on {server.address}")
    stopping.wait()
    server.stop()


if __name__ == "__main__":
    main(prog_name="python -m cmc_webhook.local_firestore")
