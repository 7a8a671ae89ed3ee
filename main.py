"""What Google Cloud Functions and functions-framework start: settings to client to entry point."""

import os
import sys

from flask import Request, Response

from cmc_webhook.guess import Guesses
from cmc_webhook.handler import StatusWebhook
from cmc_webhook.logs import log
from cmc_webhook.rpc import connect
from cmc_webhook.settings import SettingsError, from_env, unknown_variables
from cmc_webhook.store import StatusStore

try:
    _settings = from_env(os.environ)
    _database = connect(os.environ, _settings.database)
except SettingsError as error:
    sys.exit(str(error))
for sentence in unknown_variables(os.environ):
    log("ERROR", sentence)

_store = StatusStore(
    _database,
    _settings.collection,
    retention=_settings.retention,
    guesses=Guesses(),  # without this line every document is read before it is written
)
_webhook = StatusWebhook(_settings, _store, project=_database.project)


def cmc_webhook(request: Request) -> Response:
    """Entry point of the status function; functions-framework asks for a plain function."""
    return _webhook(request)
