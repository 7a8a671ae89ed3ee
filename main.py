"""Composition root: settings, then the database, then the webhook, then the entry points.

functions-framework and Google Cloud Functions load this file. There are two entry points, one
deployed function each. Only the one that FUNCTION_TARGET names is built (functions-framework sets
the variable from --target), so that neither function loads what only the other needs.
"""

import gc
import os
import sys

# What is loaded here stays: looking through it for garbage takes a twelfth of the start.
gc.disable()

from flask import Request, Response

from cmc_webhook.answers import Endpoint
from cmc_webhook.auth import Credentials
from cmc_webhook.database import connect
from cmc_webhook.logs import LogEntry, log
from cmc_webhook.redaction import Redactor
from cmc_webhook.settings import SettingsError, doubtful_settings, from_env, inbound_from_env


def _status_endpoint() -> Endpoint:
    from cmc_webhook.status.cache import Cache
    from cmc_webhook.status.store import StatusStore
    from cmc_webhook.status.webhook import StatusWebhook

    settings = from_env(os.environ)
    database = connect(os.environ, settings.database)
    store = StatusStore(
        database,
        settings.collection,
        retention=settings.retention,
        cache=Cache(),  # without this line every document is read before it is written
    )
    webhook = StatusWebhook(settings, store, Redactor(settings))
    return Endpoint(webhook, Credentials(settings), project=database.project)


def _inbound_endpoint() -> Endpoint:
    from cmc_webhook.inbound.bucket import connect_bucket
    from cmc_webhook.inbound.webhook import InboundWebhook
    from cmc_webhook.writer import Writer

    settings = inbound_from_env(os.environ)
    database = connect(os.environ, settings.database)
    webhook = InboundWebhook(
        settings,
        Writer(database, settings.retention),
        connect_bucket(database.project, settings.attachment_bucket),
        Redactor(settings),
    )
    return Endpoint(webhook, Credentials(settings), project=database.project)


try:
    _inbound = os.environ.get("FUNCTION_TARGET") == "cmc_inbound"
    _endpoint = _inbound_endpoint() if _inbound else _status_endpoint()
except SettingsError as error:
    sys.exit(str(error))
for sentence in doubtful_settings(os.environ):
    log(LogEntry(severity="ERROR", message=sentence))
gc.freeze()
gc.enable()


def cmc_webhook(request: Request) -> Response:
    """Entry point of the status function; functions-framework needs a plain function."""
    return _endpoint.answer(request)


def cmc_inbound(request: Request) -> Response:
    """Entry point of the function for received mail."""
    return _endpoint.answer(request)
