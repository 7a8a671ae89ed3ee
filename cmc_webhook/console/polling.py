"""What the script of a page polls: a short answer that differs after each write, for one read.

The page's parts are fetched again only if it differs. With it comes the number in the menu.
"""

from collections.abc import Sequence

from flask import Blueprint, jsonify
from werkzeug.wrappers import Response

from cmc_webhook.console.site import Site
from cmc_webhook.reading.documents import Document


def polling(site: Site) -> Blueprint:
    """Return the views; each has the name of the list, or the path of the mail."""
    views = Blueprint("polling", __name__, url_prefix="/polling")

    def latest(documents: Sequence[Document], time: str) -> Response:
        found = [[document.id, str(document.stored.get(time))] for document in documents]
        return jsonify(latest=found, quarantined=site.quarantined.text())

    lists = {
        "mails": (site.statuses.last_received, "last_received_at"),
        "received": (site.received.newest, "received_at"),
        "quarantine": (site.quarantine.newest, "received_at"),
        "received_quarantine": (site.received_quarantine.newest, "received_at"),
    }

    @views.get(f"/<any({', '.join(lists)}):name>")
    def newest(name: str) -> Response:
        find, time = lists[name]
        return latest(find(1), time)

    @views.get("/mails/<document_id>")
    def mail(document_id: str) -> Response:
        found = site.statuses.get(document_id)
        return latest([found] if found else [], "last_received_at")

    return views
