"""
What the script of a page polls: a short answer that differs after each write, for one read.

The page's parts are fetched again only if it differs. With it comes the number in the menu.
"""

from collections.abc import Sequence

from flask import Blueprint, jsonify
from werkzeug.wrappers import Response

from cmc_webhook.console.site import Site
from cmc_webhook.reading.documents import Document


def polling(site: Site) -> Blueprint:
    """Return the views; each has the path of the page for which it is polled."""
    views = Blueprint("polling", __name__, url_prefix="/polling")

    @views.get("/mails")
    def mails() -> Response:
        return _latest(site, site.statuses.last_received(1), "last_received_at")

    @views.get("/mails/<document_id>")
    def mail(document_id: str) -> Response:
        found = site.statuses.get(document_id)
        return _latest(site, [found] if found else [], "last_received_at")

    @views.get("/received")
    def received() -> Response:
        return _latest(site, site.received.newest(1), "received_at")

    @views.get("/quarantine")
    def quarantine() -> Response:
        return _latest(site, site.quarantine.newest(1), "received_at")

    @views.get("/quarantine/received")
    def received_quarantine() -> Response:
        return _latest(site, site.received_quarantine.newest(1), "received_at")

    return views


def _latest(site: Site, documents: Sequence[Document], time: str) -> Response:
    latest = [[found.id, str(found.stored.get(time))] for found in documents]
    return jsonify(latest=latest, quarantined=site.quarantined.text())
