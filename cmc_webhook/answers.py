"""Answers requests, for both functions; the only module with HTTP statuses.

A request goes one way: Endpoint checks the head, reads the body, authenticates it, gives it to
the function's webhook, and turns what became of it into an answer and a log line.
"""

import io
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qs

from flask import Request, Response, jsonify

from cmc_webhook import errors
from cmc_webhook.api_keys import find_api_keys
from cmc_webhook.auth import Credentials
from cmc_webhook.body import read_body
from cmc_webhook.database import Budget
from cmc_webhook.logs import LogEntry, Throttle, log, trace_of
from cmc_webhook.reasons import Reason
from cmc_webhook.refusals import Refusals

# The HTTP status and the public error code of each error. A subclass answers like its base.
ERRORS: dict[type[errors.WebhookError], tuple[HTTPStatus, str]] = {
    errors.EncodedBody: (HTTPStatus.BAD_REQUEST, "encoded_body"),
    errors.BodyIncomplete: (HTTPStatus.BAD_REQUEST, "body_incomplete"),
    errors.MalformedEnvelope: (HTTPStatus.BAD_REQUEST, "malformed_envelope"),
    errors.NotAuthenticated: (HTTPStatus.UNAUTHORIZED, "not_authenticated"),
    errors.MethodNotAllowed: (HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed"),
    errors.BodyTooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large"),
    errors.StoreUnavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "store_unavailable"),
}
_RETRY_AFTER_S = 10
# In quarantine because not supported yet: no operator needs to act.
_EXPECTED = {Reason.NOT_SUPPORTED_YET}
# Errors of an authenticated sender, which an operator should look at.
_ALARMING = (errors.MalformedEnvelope, errors.StoreUnavailable)
_ONLY_REFUSED = (
    "Posts were refused and none was accepted for ten minutes: compare the key, or user and"
    " password, in CMC with those of this function."
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The counts of an answer: what became of the records of a post. A received mail is one.

    *why*: the reasons of the records in quarantine, also of those that are there although
    their mail is stored. *lag_s*: seconds from the newest event to its arrival; None if
    there is no event.
    """

    stored: int
    unchanged: int
    lag_s: float | None = None
    quarantined: int = 0
    why: Counter[str] | None = None

    def counts(self) -> dict[str, int]:
        """Return the numbers of the answer; ``received`` is the sum of the others."""
        return {
            "received": self.stored + self.unchanged + self.quarantined,
            "stored": self.stored,
            "unchanged": self.unchanged,
            "quarantined": self.quarantined,
        }


class Webhook(Protocol):
    """What a function does with a body. Limits in bytes, *budget_s* in seconds."""

    largest_body: int
    largest_unknown_body: int
    budget_s: float

    def keep(self, body: bytes, budget: Budget, entry: LogEntry) -> Receipt:
        """Store *body* before *budget* is spent, and add to *entry*. Raises WebhookError."""


class Endpoint:
    """Answers the requests of one function. Thread-safe."""

    def __init__(self, webhook: Webhook, credentials: Credentials, *, project: str) -> None:
        self._webhook = webhook
        self._credentials = credentials
        self._project = project
        self._throttle = Throttle()
        self._refusals = Refusals()
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Response:
        """Answer *request*. The framework answers 500 to an exception that is not ours."""
        started = time.monotonic()
        entry = LogEntry(trace=trace_of(request.headers.get, self._project))
        error: errors.WebhookError | None = None
        try:
            _require_plain_post(request)
            response = self._accept(request, entry)
        except errors.WebhookError as raised:
            # Its traceback refers to this frame: a cycle that would keep the body for a while.
            error = raised.with_traceback(None)
            response = self._refuse(error, entry)
        finally:
            # functions-framework drains the body after the handler, without a limit: give it an
            # empty one.
            request.stream = io.BytesIO()
        entry.status = response.status_code
        entry.duration_ms = round((time.monotonic() - started) * 1000, 1)
        self._log(entry, error)
        return response

    def _accept(self, request: Request, entry: LogEntry) -> Response:
        body = self._authenticated_body(request, entry)
        budget = Budget(self._webhook.budget_s)  # starts with the last byte of the body
        entry.rpcs = budget.rpcs
        receipt = self._webhook.keep(body, budget, entry)
        counts = receipt.counts()
        entry.why = receipt.why
        entry.lag_s = receipt.lag_s
        entry.received, entry.stored = counts["received"], counts["stored"]
        entry.unchanged, entry.quarantined = counts["unchanged"], counts["quarantined"]
        return jsonify(counts)

    def _authenticated_body(self, request: Request, entry: LogEntry) -> bytes:
        """Return the body of an accepted sender; of any other, nothing of it is parsed."""
        credentials, webhook = self._credentials, self._webhook
        head = credentials.admit_head(request.headers.get("Authorization", ""), _mail_key(request))
        known = head or not credentials.required
        limit = webhook.largest_body if known else webhook.largest_unknown_body
        body = read_body(request.stream, request.content_length, webhook.largest_body, limit)
        entry.credential = head or credentials.admit_body(find_api_keys(body))
        with self._lock:
            self._refusals.accept(time.monotonic())
        return body

    def _refuse(self, error: errors.WebhookError, entry: LogEntry) -> Response:
        kind = next(cls for cls in type(error).__mro__ if cls in ERRORS)
        status, entry.error = ERRORS[kind]
        message = str(error)
        if kind is errors.StoreUnavailable:
            # Google's text is for the operator, not for the sender.
            entry.detail, message = message, "Not everything was stored; post the same again."
        response = jsonify({"error": {"code": entry.error, "message": message}})
        response.status_code = status
        if kind is errors.StoreUnavailable:
            response.headers["Retry-After"] = str(_RETRY_AFTER_S)
        if kind is errors.MethodNotAllowed:
            response.headers["Allow"] = "POST"
        if kind is errors.NotAuthenticated and self._credentials.basic:
            response.headers["WWW-Authenticate"] = 'Basic realm="cmc_webhook"'
        return response

    def _log(self, entry: LogEntry, error: errors.WebhookError | None) -> None:
        failed = isinstance(error, _ALARMING)
        if isinstance(error, errors.NotAuthenticated) and (posts := self._only_refused()):
            failed, entry.posts, entry.detail = True, posts, _ONLY_REFUSED
        # One missing role makes every post fail with the same detail.
        elif error and (not failed or isinstance(error, errors.StoreMisconfigured)):
            entry.posts = self._throttle.admit(entry.detail or entry.error)
            if not entry.posts:
                return
        if error:
            entry.severity = "ERROR" if failed else "WARNING"
            entry.message = f"{'Failed' if failed else 'Refused'}: {entry.error}."
        else:
            alarming = set(entry.why or ()) - _EXPECTED
            entry.severity = "ERROR" if alarming else "INFO"
            entry.message = (
                f"Stored {entry.stored}, unchanged {entry.unchanged},"
                f" quarantined {entry.quarantined}."
            )
        log(entry)

    def _only_refused(self) -> int:
        with self._lock:
            return self._refusals.refuse(time.monotonic())


def _mail_key(request: Request) -> tuple[str, str]:
    # Not request.args, which raises UnicodeDecodeError if the query string is not UTF-8.
    query = parse_qs(request.query_string.decode(errors="replace"), keep_blank_values=True)
    return query.get("MailKey", [""])[0], query.get("MailSecret", [""])[0]


def _require_plain_post(request: Request) -> None:
    if request.method != "POST":
        raise errors.MethodNotAllowed("Only POST is answered here.")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise errors.EncodedBody(f"Content-Encoding {encoding[:20]!a}: send the body as it is.")
