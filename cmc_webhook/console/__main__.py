"""`python -m cmc_webhook.console`: serves the page on this machine until Ctrl-C."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import click
from flask import Flask
from werkzeug.serving import make_server

from cmc_webhook.console.app import create_app
from cmc_webhook.console.site import Site
from cmc_webhook.reading.connection import FirestoreOptions, settings_with_credentials
from cmc_webhook.reading.objects import objects
from cmc_webhook.reading.options import connected, firestore_options, function_options
from cmc_webhook.settings import API_KEYS, BASIC_CREDENTIALS, Settings
from cmc_webhook.simulator.posting import Credential, basic, bearer, is_loopback

_HOST = "127.0.0.1"
# As many as the recipe in README.md lets Cloud Run send at once.
_THREADS = 8


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--port", default=8082, type=click.IntRange(1, 65535), help="Port of the page.")
@click.option("--allow-changes", is_flag=True, help="Allow replay and delete in a real project.")
@click.option("--iap-audience", default="", help="Run behind Identity-Aware Proxy, for this.")
@click.option("--host-name", multiple=True, help="Host name there; may be repeated.")
@function_options
@firestore_options
def main(
    where: FirestoreOptions,
    url: str,
    credential: Credential,
    port: int,
    allow_changes: bool,
    iap_audience: str,
    host_name: tuple[str, ...],
) -> None:
    """
    Show what became of the mails in a browser, on 127.0.0.1 only.

    Reads the local Firestore, or with your own Google credentials the project of
    --project. Files of locally received mails are read from STORAGE_EMULATOR_HOST,
    which the devserver sets. --url and the credential are those of the function
    that quarantined data is posted to again.

    With --iap-audience it listens on all addresses, on the port of PORT, shows the
    project of --project, changes nothing, and answers only what Google's
    Identity-Aware Proxy has signed for that audience.

    \b
    python -m cmc_webhook console --project P --database cmc
    """
    # No line for each request; errors are still shown.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    if iap_audience or host_name:
        _refuse_unless_safe(where, iap_audience, host_name, allow_changes)

    def site() -> Site:
        connection = connected(where, check=False)
        return Site(
            connection=connection,
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
    listener = _listen(port)
    server = make_server(_HOST, port, create_app(site()), threaded=True, fd=listener.fileno())
    signal.signal(signal.SIGTERM, _leave)
    click.echo(f"Page on http://{_HOST}:{port}")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


def _refuse_unless_safe(
    where: FirestoreOptions, audience: str, host_names: tuple[str, ...], allow_changes: bool
) -> None:
    if not (audience and host_names and where.project):
        raise click.UsageError("--iap-audience, --host-name and --project need each other.")
    if allow_changes:
        raise click.UsageError("Behind Identity-Aware Proxy the page changes nothing.")


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


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((_HOST, port))
    except OSError as error:
        raise click.ClickException(
            f"Port {port} is in use. Stop the program that uses it, or choose another with --port."
        ) from error


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


if __name__ == "__main__":
    main(prog_name="python -m cmc_webhook.console")
