"""From a request to its answer: the only module that knows Flask and status codes."""

import io
import re
import time
from http import HTTPStatus
from typing import Any

from flask import Request, Response, jsonify

from cmc_webhook import __version__
from cmc_webhook.auth import Credentials
from cmc_webhook.body import LARGEST_BODY, read_body
from cmc_webhook.envelope import body_keys, read_fields
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
from cmc_webhook.intake import Intake
from cmc_webhook.logs import Throttle, log, trace_fields
from cmc_webhook.rpc import Budget
from cmc_webhook.settings import Settings
from cmc_webhook.store import StatusStore

STATUS_CODES: dict[type[WebhookError], HTTPStatus] = {
    EncodedBody: HTTPStatus.BAD_REQUEST,
    BodyIncomplete: HTTPStatus.BAD_REQUEST,
    MalformedEnvelope: HTTPStatus.BAD_REQUEST,
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

# From the last byte of the body; CMC's own patience is not documented.
_BUDGET_S = 7.0
_RETRY_AFTER_S = 10
# How much is held of a body whose sender is not known yet: it may be made to fill the memory.
_LARGEST_UNKNOWN_BODY = 2 * 1024 * 1024
_CLOCK_SKEW_S = 300
# Kept because it is not understood yet, which needs nobody's attention.
_EXPECTED = {"not_supported_yet"}
# Refusals that somebody should look at: the sender is ours.
_ALARMING = {"malformed_envelope", "store_unavailable"}


class StatusWebhook:
    """Takes the posts of CMC's event webhook. Thread-safe."""

    def __init__(self, settings: Settings, store: StatusStore, *, project: str) -> None:
        self._settings = settings
        self._project = project
        self._credentials = Credentials(settings)
        self._intake = Intake(settings, self._credentials, store)
        self._throttle = Throttle()

    def __call__(self, request: Request) -> Response:
        """Answer *request*; an error that is none of ours is left to the framework: 500."""
        started = time.monotonic()
        entry: dict[str, Any] = trace_fields(request.headers.get, self._project)
        try:
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

    def _receive(self, request: Request, entry: dict[str, Any]) -> dict[str, int]:
        accepted = self._accept_head(request)
        body = self._read_body(request, accepted)
        budget = Budget(_BUDGET_S)
        entry["rpcs"] = budget.rpcs
        fields = read_fields(body)
        accepted = accepted or self._credentials.accept_body_keys(body_keys(fields))
        if self._credentials.required and not accepted:
            raise _not_authenticated()
        entry["credential"] = accepted
        receipt = self._intake.keep(body, fields, budget)
        if receipt.quarantined:
            entry["why"] = receipt.quarantined
        if receipt.lag_s is not None:
            entry["lag_s"] = receipt.lag_s
            self._watch_clock(receipt.lag_s)
        return receipt.counts()

    def _accept_head(self, request: Request) -> str | None:
        """Return the credential in the header; raise for what no body can mend."""
        if request.method != "POST":
            raise MethodNotAllowed("Only POST is answered here.")
        encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise EncodedBody(f"Content-Encoding {encoding[:20]!a}: send the body as it is.")
        accepted = self._credentials.accept_header(request.headers.get("Authorization", ""))
        if self._credentials.required and not (accepted or self._credentials.body_keys):
            raise _not_authenticated()
        return accepted

    def _read_body(self, request: Request, accepted: str | None) -> bytes:
        """Return the whole body, of which an unknown sender may make us hold little."""
        known = accepted or not self._credentials.required
        most = LARGEST_BODY if known else _LARGEST_UNKNOWN_BODY
        body = read_body(request.stream, request.content_length, most)
        if body is None:
            raise _not_authenticated()
        return body

    def _watch_clock(self, lag_s: float) -> None:
        if lag_s < -_CLOCK_SKEW_S and (posts := self._throttle.admit("future")):
            zone = self._settings.time_zone.key
            log(
                "WARNING",
                f"Events lie in the future: CMC_TIME_ZONE is {zone}; it must be the time zone"
                " chosen for the webhook in CMC.",
                posts=posts,
            )

    def _refuse(self, error: WebhookError, entry: dict[str, Any]) -> Response:
        kind = next(cls for cls in type(error).__mro__ if cls in STATUS_CODES)
        unavailable = isinstance(error, StoreUnavailable)
        code = re.sub("(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
        # What Firestore said is for the operator, not for the sender.
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


def _not_authenticated() -> NotAuthenticated:
    return NotAuthenticated(
        "No accepted credential: check the API key, or the user and password, of this webhook in"
        f" CMC. A body over {_LARGEST_UNKNOWN_BODY} bytes needs it in the Authorization header."
    )
