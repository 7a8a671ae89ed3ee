"""One mail: what happened to it, and what to do."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from flask import Blueprint
from werkzeug.exceptions import NotFound

from cmc_webhook.console import meanings
from cmc_webhook.console.filters import is_document_id
from cmc_webhook.console.site import Site, page
from cmc_webhook.reading.connection import Connection
from cmc_webhook.status.events import Status

_BOUNCES = (Status.BOUNCED, Status.SUPPRESSED)


def mail(site: Site) -> Blueprint:
    """Return the view of one document."""
    views = Blueprint("mail", __name__)

    @views.get("/mails/<document_id>")
    def show(document_id: str) -> str:
        found = site.statuses.get(document_id) if is_document_id(document_id) else None
        if found is None:
            raise NotFound
        return page(
            "mail.html",
            documents_read=1,
            mail=found,
            happened=meanings.happened(found.fields.get("status", "")),
            advice=meanings.advice(found.fields),
            events=list(_events(found.fields)),
            path=f"{site.connection.collection}/{found.id}",
            in_google=google_url(site.connection, found.id) if not site.emulator else None,
        )

    return views


def google_url(connection: Connection, document_id: str) -> str:
    """Return the address of the document in Google's console."""
    database = connection.client._database
    shown = "-default-" if database == "(default)" else database
    path = f"databases/{shown}/data/panel/{connection.collection}/{document_id}"
    project = quote(connection.client.project)
    return f"https://console.cloud.google.com/firestore/{quote(path)}?project={project}"


def _events(fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the history, each bounce with its cause."""
    for event in fields.get("events", ()):
        bounce = event.get("status") in _BOUNCES
        cause = meanings.cause_of(event.get("bounce_code", "")) if bounce else ""
        yield {**event, "cause": cause}
