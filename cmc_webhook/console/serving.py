"""Serves the page on this machine until Ctrl-C."""

import logging
import signal
import socket
import sys
from typing import Any

import click
from werkzeug.serving import make_server

from cmc_webhook.console.app import create_app
from cmc_webhook.console.site import Site
from cmc_webhook.reading.connection import FirestoreOptions, settings_with_credentials
from cmc_webhook.reading.language import text
from cmc_webhook.reading.objects import objects
from cmc_webhook.reading.options import connected
from cmc_webhook.settings import API_KEYS, BASIC_CREDENTIALS, Settings
from cmc_webhook.simulator.posting import Credential, basic, bearer, is_loopback

_HOST = "127.0.0.1"


def serve(
    where: FirestoreOptions, url: str, credential: Credential, port: int, allow_changes: bool
) -> None:
    """Serve the page that shows what is in *where*."""
    # No line for each request; errors are still shown.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    emulator = where.emulator
    listener = _listen(port)
    connection = connected(where, check=False)
    site = Site(
        connection=connection,
        objects=objects(connection.client.project, local=bool(emulator)),
        emulator=emulator,
        url=url,
        credential=_credential(credential, url, settings_with_credentials()),
        may_change=allow_changes or not where.project,
        port=port,
    )
    server = make_server(_HOST, port, create_app(site), threaded=True, fd=listener.fileno())
    signal.signal(signal.SIGTERM, _leave)
    click.echo(text("place.page", address=f"http://{_HOST}:{port}"))
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((_HOST, port))
    except OSError as error:
        sentence = text("place.port", port=port, option="--port")
        raise click.ClickException(sentence) from error


def _credential(given: Credential, url: str, settings: Settings) -> Credential:
    """Return *given*, by default what a local function with the same settings accepts."""
    if given != Credential() or not is_loopback(url):
        return given
    if keys := settings.credentials[API_KEYS]:
        return bearer(keys[0])
    pairs = settings.credentials[BASIC_CREDENTIALS]
    return basic(pairs[0]) if pairs else given


def _leave(*_: Any) -> None:
    raise KeyboardInterrupt
