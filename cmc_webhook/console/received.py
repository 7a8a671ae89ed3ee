"""Received mail: the list, one mail, and its HTML in a frame that can do nothing."""

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from cmc_webhook.console.choices import is_document_id
from cmc_webhook.console.site import Site, page
from cmc_webhook.reading.queries import Document

_SHOWN = 100
# Shown as if it were on a site of its own, without scripts, forms, or anything from elsewhere.
_FRAME_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'self'"
)


def received(site: Site) -> Blueprint:
    """Return the views of received mail."""
    views = Blueprint("received", __name__, url_prefix="/received")

    @views.get("")
    def show() -> str:
        found = site.received.newest(_SHOWN)
        return page("received.html", documents_read=len(found), mails=found)

    @views.get("/<document_id>")
    def mail(document_id: str) -> str:
        found = _mail(site, document_id)
        return page("received_mail.html", documents_read=1, mail=found)

    @views.get("/<document_id>/html")
    def html(document_id: str) -> Response:
        body = _mail(site, document_id).fields.get("html", "")
        response = Response(body, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = _FRAME_POLICY
        return response

    return views


def _mail(site: Site, document_id: str) -> Document:
    found = site.received.get(document_id) if is_document_id(document_id) else None
    if found is None:
        raise NotFound
    return found
