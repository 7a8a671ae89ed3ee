"""Serves the page on this machine until Ctrl-C, or behind Identity-Aware Proxy."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable

import click
from flask import Flask
from werkzeug.serving import make_server

from cmc_webhook.console.app import create_app
from cmc_webhook.console.site import Site
from cmc_webhook.reading.connection import FirestoreOptions, settings_with_credentials
from cmc_webhook.reading.language import text
from cmc_webhook.reading.objects import objects
from cmc_webhook.reading.opened import connected
from cmc_webhook.settings import API_KEYS, BASIC_CREDENTIALS, Settings
from cmc_webhook.simulator.posting import Credential, basic, bearer, is_loopback

_HOST = "127.0.0.1"
# As many as the recipe in README.md lets Cloud Run send at once.
_THREADS = 8


def serve(
    where: FirestoreOptions,
    url: str,
    credential: Credential,
    port: int,
    allow_changes: bool,
    iap_audience: str,
    host_name: tuple[str, ...],
) -> None:
    """Serve the page that shows what is in *where*."""
    # No line for each request; errors are still shown.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    if iap_audience or host_name:
        if not (iap_audience and host_name and where.project):
            raise click.UsageError(text("usage.iap_options"))
        if allow_changes:
            raise click.UsageError(text("usage.iap_changes"))

    def site() -> Site:
        connection = connected(where, check=False)
        return Site(
            **vars(connection),
            objects=objects(connection.client.project, local=bool(where.emulator)),
            emulator=where.emulator,
            url=url,
            credential=_credential(credential, url, settings_with_credentials()),
            may_change=allow_changes or not where.project,
            port=port,
            iap_audience=iap_audience,
            host_names=host_name,
        )

    if iap_audience:
        _serve_to_proxy(lambda: create_app(site()))
        return
    try:
        listener = socket.create_server((_HOST, port))
    except OSError as error:
        sentence = text("place.port", port=port, option="--port")
        raise click.ClickException(sentence) from error
    server = make_server(_HOST, port, create_app(site()), threaded=True, fd=listener.fileno())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    click.echo(text("place.page", address=f"http://{_HOST}:{port}"))
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


def _serve_to_proxy(make_app: Callable[[], Flask]) -> None:
    """Serve on all addresses, on the port of PORT, until a signal ends the process."""
    # Gunicorn does not run on Windows, where the page does.
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
        def load_config(self) -> None:
            self.cfg.set("bind", f"0.0.0.0:{os.environ.get('PORT') or 8080}")
            self.cfg.set("threads", _THREADS)
            self.cfg.set("timeout", 0)  # Cloud Run has a time limit of its own

        def load(self) -> Flask:
            # In the process that serves: Firestore's client does not outlive a fork.
            return make_app()

    Server().run()


def _credential(given: Credential, url: str, settings: Settings) -> Credential:
    """Return *given*, by default what a local function with the same settings accepts."""
    if given != Credential() or not is_loopback(url):
        return given
    if keys := settings.credentials[API_KEYS]:
        return bearer(keys[0])
    pairs = settings.credentials[BASIC_CREDENTIALS]
    return basic(pairs[0]) if pairs else given
