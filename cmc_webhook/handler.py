"""CMC's event webhook over HTTP: whose post it is, and how much of it is read."""

from typing import Any

from flask import Request, Response

from cmc_webhook.auth import Credentials
from cmc_webhook.body import read_small_body
from cmc_webhook.endpoint import Endpoint
from cmc_webhook.envelope import body_keys, read_fields
from cmc_webhook.errors import NotAuthenticated
from cmc_webhook.intake import Intake
from cmc_webhook.logs import Throttle, log
from cmc_webhook.rpc import Budget
from cmc_webhook.settings import StatusSettings
from cmc_webhook.store import StatusStore

# From the last byte of the body; CMC's own patience is not documented.
_BUDGET_S = 7.0
# 100 records, CMC's documented most, take half a megabyte at their longest.
_LARGEST_BODY = 8 * 1024 * 1024
# How much is held of a body whose sender is not known yet: it may be made to fill the memory.
_LARGEST_UNKNOWN_BODY = 2 * 1024 * 1024
_CLOCK_SKEW_S = 300


class StatusWebhook:
    """Takes the posts of CMC's event webhook. Thread-safe."""

    def __init__(self, settings: StatusSettings, store: StatusStore, *, project: str) -> None:
        self._settings = settings
        self._credentials = Credentials(settings)
        self._intake = Intake(settings, self._credentials, store)
        self._endpoint = Endpoint(self._receive, self._credentials, project=project)
        self._throttle = Throttle()

    def __call__(self, request: Request) -> Response:
        """Answer *request*; an error that is none of ours is left to the framework: 500."""
        return self._endpoint.answer(request)

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
        """Return the credential in the header; raise where no body can hold one either."""
        accepted = self._credentials.accept_header(request.headers.get("Authorization", ""))
        if self._credentials.required and not (accepted or self._credentials.body_keys):
            raise _not_authenticated()
        return accepted

    def _read_body(self, request: Request, accepted: str | None) -> bytes:
        """Return the whole body, of which an unknown sender may make us hold little."""
        known = accepted or not self._credentials.required
        most = _LARGEST_BODY if known else _LARGEST_UNKNOWN_BODY
        body = read_small_body(request.stream, request.content_length, _LARGEST_BODY, most)
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


def _not_authenticated() -> NotAuthenticated:
    return NotAuthenticated(
        "No accepted credential: check the API key, or the user and password, of this webhook in"
        f" CMC. A body over {_LARGEST_UNKNOWN_BODY} bytes needs it in the Authorization header."
    )
