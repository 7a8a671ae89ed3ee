"""What the script of a page asks again and again: whether there is news, for one read each."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, jsonify
from werkzeug.wrappers import Response

from cmc_webhook.console.filters import is_document_id
from cmc_webhook.console.site import Site
from cmc_webhook.reading.queries import Document


def live(site: Site) -> Blueprint:
    """Return the answers that change whenever what they are about is written."""
    views = Blueprint("live", __name__, url_prefix="/live")

    @views.get("/mails")
    def statuses() -> Response:
        return _mark(site.statuses.last_received(1), "last_received_at")

    @views.get("/mails/<document_id>")
    def mail(document_id: str) -> Response:
        found = site.statuses.get(document_id) if is_document_id(document_id) else None
        return _mark([found] if found else [], "last_received_at")

    @views.get("/received")
    def received() -> Response:
        return _mark(site.received.newest(1), "received_at")

    @views.get("/quarantine")
    def quarantine() -> Response:
        return _mark(site.quarantine.newest(1), "received_at")

    @views.get("/quarantine/received")
    def received_quarantine() -> Response:
        return _mark(site.received_quarantine.newest(1), "received_at")

    return views


def _mark(documents: Sequence[Document], time: str) -> Response:
    marks: list[Any] = [[found.id, str(found.fields.get(time))] for found in documents]
    return jsonify(marks)
