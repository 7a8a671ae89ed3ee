"""
What Google Cloud Functions and functions-framework start: settings to client to entry point.

Two entry points, one deployed function each. Only the one that FUNCTION_TARGET names is built
(functions-framework sets it from --target, too), so that neither waits for what the other needs.
"""

import os
import sys
from collections.abc import Callable

from flask import Request, Response

from cmc_webhook.logs import log
from cmc_webhook.rpc import connect
from cmc_webhook.settings import SettingsError, from_env, inbound_from_env, unknown_variables

Webhook = Callable[[Request], Response]


def _status_webhook() -> Webhook:
    from cmc_webhook.guess import Guesses
    from cmc_webhook.handler import StatusWebhook
    from cmc_webhook.store import StatusStore

    settings = from_env(os.environ)
    database = connect(os.environ, settings.database)
    store = StatusStore(
        database,
        settings.collection,
        retention=settings.retention,
        guesses=Guesses(),  # without this line every document is read before it is written
    )
    return StatusWebhook(settings, store, project=database.project)


def _inbound_webhook() -> Webhook:
    from cmc_webhook.inbound.bucket import connect_bucket
    from cmc_webhook.inbound.handler import InboundWebhook
    from cmc_webhook.writer import Writer

    settings = inbound_from_env(os.environ)
    database = connect(os.environ, settings.database)
    return InboundWebhook(
        settings,
        Writer(database, settings.retention),
        connect_bucket(database.project, settings.attachment_bucket),
        project=database.project,
    )


try:
    _inbound = os.environ.get("FUNCTION_TARGET") == "cmc_inbound"
    _webhook = _inbound_webhook() if _inbound else _status_webhook()
except SettingsError as error:
    sys.exit(str(error))
for sentence in unknown_variables(os.environ):
    log("ERROR", sentence)


def cmc_webhook(request: Request) -> Response:
    """Entry point of the status function; functions-framework asks for a plain function."""
    return _webhook(request)


def cmc_inbound(request: Request) -> Response:
    """Entry point of the function for received mail."""
    return _webhook(request)
