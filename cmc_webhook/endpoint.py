"""What every function answers: with handler.py, all that knows Flask and status codes."""

import io
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Request, Response, jsonify

from cmc_webhook import __version__
from cmc_webhook.auth import Credentials
from cmc_webhook.errors import (
    BodyIncomplete,
    BodyTooLarge,
    EncodedBody,
    MalformedEnvelope,
    MethodNotAllowed,
    NotAuthenticated,
    StoreUnavailable,
    WebhookError,
)
from cmc_webhook.logs import Throttle, log, trace_fields

STATUS_CODES: dict[type[WebhookError], HTTPStatus] = {
    EncodedBody: HTTPStatus.BAD_REQUEST,
    BodyIncomplete: HTTPStatus.BAD_REQUEST,
    MalformedEnvelope: HTTPStatus.BAD_REQUEST,
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

_RETRY_AFTER_S = 10
# Kept because it is not understood yet, which needs nobody's attention.
_EXPECTED = {"not_supported_yet"}
# Refusals that somebody should look at: the sender is ours.
_ALARMING = {"malformed_envelope", "store_unavailable"}

# Takes a post in: adds to the log entry, and returns the counts of the answer.
Receive = Callable[[Request, dict[str, Any]], dict[str, int]]


class Endpoint:
    """Turns what becomes of a post into an answer and a log line. Thread-safe."""

    def __init__(self, receive: Receive, credentials: Credentials, *, project: str) -> None:
        self._receive = receive
        self._credentials = credentials
        self._project = project
        self._throttle = Throttle()

    def answer(self, request: Request) -> Response:
        """Answer *request*; an error that is none of ours is left to the framework: 500."""
        started = time.monotonic()
        entry: dict[str, Any] = trace_fields(request.headers.get, self._project)
        try:
            _require_plain_post(request)
            counts = self._receive(request, entry)
            response = jsonify(counts)
            entry |= counts
        except WebhookError as error:
            response = self._refuse(error, entry)
        finally:
            # The framework reads on after us, without a limit: it shall find nothing.
            request.stream = io.BytesIO()
        entry["status"] = response.status_code
        entry["duration_ms"] = round((time.monotonic() - started) * 1000, 1)
        self._log(entry)
        return response

    def _refuse(self, error: WebhookError, entry: dict[str, Any]) -> Response:
        kind = next(cls for cls in type(error).__mro__ if cls in STATUS_CODES)
        unavailable = isinstance(error, StoreUnavailable)
        code = re.sub("(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
        # What Google said is for the operator, not for the sender.
        message = "Not everything was stored; post the same again." if unavailable else str(error)
        response = jsonify({"error": {"code": code, "message": message}})
        response.status_code = STATUS_CODES[kind]
        if unavailable:
            response.headers["Retry-After"] = str(_RETRY_AFTER_S)
            entry["detail"] = str(error)
        if kind is MethodNotAllowed:
            response.headers["Allow"] = "POST"
        if kind is NotAuthenticated and self._credentials.basic:
            response.headers["WWW-Authenticate"] = 'Basic realm="cmc_webhook"'
        entry["error"] = code
        return response

    def _log(self, entry: dict[str, Any]) -> None:
        """Write the line of one post: numbers and our own words, nothing of a mail."""
        error = entry.get("error")
        if error in _ALARMING:
            severity, message = "ERROR", f"Failed: {error}."
        elif error:
            entry["posts"] = self._throttle.admit(error)
            if not entry["posts"]:
                return
            severity, message = "WARNING", f"Refused: {error}."
        else:
            alarming = set(entry.get("why", ())) - _EXPECTED
            severity = "ERROR" if alarming else "INFO"
            message = "Stored {stored}, unchanged {unchanged}, quarantined {quarantined}.".format(
                **entry
            )
        log(severity, message, version=__version__, **entry)


def _require_plain_post(request: Request) -> None:
    if request.method != "POST":
        raise MethodNotAllowed("Only POST is answered here.")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise EncodedBody(f"Content-Encoding {encoding[:20]!a}: send the body as it is.")
