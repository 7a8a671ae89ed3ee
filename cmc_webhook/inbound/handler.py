"""The webhooks of received mail over HTTP: whose post it is, and how much of it is read."""

from typing import Any

from flask import Request, Response

from cmc_webhook.auth import Credentials
from cmc_webhook.body import read_body
from cmc_webhook.endpoint import Endpoint
from cmc_webhook.errors import NotAuthenticated
from cmc_webhook.inbound.bucket import Bucket
from cmc_webhook.inbound.errors import UnreadableMail
from cmc_webhook.inbound.intake import InboundIntake
from cmc_webhook.inbound.parts import is_multipart, read_post
from cmc_webhook.rpc import Budget
from cmc_webhook.settings import InboundSettings
from cmc_webhook.writer import Writer

# From the last byte of the body: ten attachments take that long if Cloud Storage is slow.
_BUDGET_S = 25.0
# The platform's own (https://cloud.google.com/functions/quotas); SendGrid's mails have up to 30 MB.
_LARGEST_BODY = 32 * 1024 * 1024
# How much JSON is parsed for a sender who is not known yet: brackets take many times their size.
_LARGEST_UNKNOWN_JSON = 2 * 1024 * 1024


class InboundWebhook:
    """Takes received mails as CMC and SendGrid post them. Thread-safe."""

    def __init__(
        self, settings: InboundSettings, writer: Writer, bucket: Bucket, *, project: str
    ) -> None:
        self._credentials = Credentials(settings)
        self._intake = InboundIntake(settings, self._credentials, writer, bucket)
        self._endpoint = Endpoint(self._receive, self._credentials, project=project)

    def __call__(self, request: Request) -> Response:
        """Answer *request*; an error that is none of ours is left to the framework: 500."""
        return self._endpoint.answer(request)

    def _receive(self, request: Request, entry: dict[str, Any]) -> dict[str, int]:
        body = self._authenticated_body(request, entry)
        budget = Budget(_BUDGET_S)
        entry |= {"rpcs": budget.rpcs, "bytes": len(body)}
        receipt = self._intake.keep(body, budget)
        if receipt.quarantined:
            entry["why"] = receipt.quarantined
        return receipt.counts()

    def _authenticated_body(self, request: Request, entry: dict[str, Any]) -> bytes:
        credentials = self._credentials
        header = request.headers.get("Authorization", "")
        query = [request.args.get(name, "") for name in ("MailKey", "MailSecret")]
        accepted = credentials.accept_header(header) or credentials.accept_query(*query)
        if credentials.required and not accepted and not credentials.body_keys:
            raise _not_authenticated()
        body = read_body(request.stream, request.content_length, _LARGEST_BODY)
        accepted = accepted or credentials.accept_body_keys(_body_keys(body))
        if credentials.required and not accepted:
            raise _not_authenticated()
        entry["credential"] = accepted
        return body


def _body_keys(body: bytes) -> list[str]:
    if len(body) > _LARGEST_UNKNOWN_JSON and not is_multipart(body):
        return []
    try:
        return [read_post(body).text("api_key")]
    except UnreadableMail:
        return []


def _not_authenticated() -> NotAuthenticated:
    return NotAuthenticated(
        "No accepted credential: check the API key, or the user and password, of this webhook in"
        " CMC, or MailKey and MailSecret in the URL that SendGrid posts to."
    )
