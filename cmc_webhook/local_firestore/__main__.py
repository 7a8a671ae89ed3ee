"""`python -m cmc_webhook.local_firestore`: the server alone, until Ctrl-C."""

import json
import logging
import signal
from typing import Any

import click

from cmc_webhook.local_firestore.server import LOOPBACK, start

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command(context_settings={"show_default": True})
@click.option("--firestore-port", type=click.IntRange(0, 65535), default=8081, help="0 for any.")
@click.option("--host", default=LOOPBACK, help="The address to listen on.")
@click.option("--data", default=":memory:", help="File that keeps the documents, or :memory:.")
@click.option("--indexes", type=click.File(), help="A firestore.indexes.json: refuse the rest.")
def main(firestore_port: int, host: str, data: str, indexes: Any) -> None:
    """Serve a Firestore for tests and development."""
    logging.basicConfig(format="Firestore: %(message)s", level=logging.INFO)
    try:
        definitions = {**json.load(indexes)} if indexes else None
    except (TypeError, ValueError, RecursionError) as error:
        raise click.ClickException(f"{indexes.name} is not a JSON object: {error}.") from error
    # Blocked in every thread from here on, and waited for below: a handler could deadlock.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    server = start(data, firestore_port, host=host, indexes=definitions)
    if host != LOOPBACK:
        click.echo(
            f"Warning: everybody who reaches {server.address} can read and change everything.",
            err=True,
        )
    click.echo(f"Firestore on {server.address}")
    signal.sigwait(_SIGNALS)
    server.stop()


if __name__ == "__main__":
    main(prog_name="python -m cmc_webhook.local_firestore")
