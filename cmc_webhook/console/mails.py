"""The list of mails, newest status first, and one mail: what happened and what to do."""

from datetime import UTC, datetime
from itertools import chain
from urllib.parse import quote

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from cmc_webhook.console.addresses import card_page
from cmc_webhook.console.downloads import spreadsheet
from cmc_webhook.console.filters import MAILING, read_filters
from cmc_webhook.console.paging import paged
from cmc_webhook.console.search import ask
from cmc_webhook.console.site import Site, existing, render_page, request_texts
from cmc_webhook.reading.meanings import FILTERS, cause_of, explain, is_bounce_alone
from cmc_webhook.reading.pasted import searches
from cmc_webhook.reading.spreadsheets import csv_lines
from cmc_webhook.reading.statuses import why_empty
from cmc_webhook.reading.times import in_zone
from cmc_webhook.status.events import Status


def mails(site: Site) -> Blueprint:
    """Return the views of the list and of one document."""
    views = Blueprint("mails", __name__, url_prefix="/mails")

    @views.get("")
    def show() -> str | AnyResponse:
        now = datetime.now(UTC)
        question = ask(site.statuses, request.args)
        if question.card:
            return redirect(url_for("addresses.show", address=question.card))
        if question.text and not question.search:
            fields = dict.fromkeys(search.field for search in searches(question.text))
            return card_page(site, question.text, fields)
        chosen = read_filters(request.args, site.zone, now, "all", question.search)
        found = paged(site.statuses.listing(chosen.filters), chosen.parameters)
        is_known = found.documents or question.search
        empty = None if is_known else why_empty(site.statuses, chosen.filters)
        anytime = chosen.parameters | {"period": "all", "since": [], "until": []}
        return render_page(
            "mails.html",
            documents_read=(found.documents_read or 1) + question.documents_read,  # 1: of why_empty
            question=question,
            found=found,
            empty=empty,
            newest_url=url_for("mails.show", **anytime),
            now=now,
            chosen=chosen,
            statuses=[*Status],
            selects=FILTERS,
            kept=MAILING,
            csv_url=url_for("mails.export", **chosen.parameters),
        )

    @views.get("/export.csv")
    def export() -> Response:
        """Return everything that the list shows with the same parameters, on all its pages."""
        now = datetime.now(UTC)
        question = ask(site.statuses, request.args)
        if question.text and not question.search:
            raise NotFound
        filters = read_filters(request.args, site.zone, now, "all", question.search).filters
        return spreadsheet(
            site.statuses.listing(filters),
            lambda pages: csv_lines(chain.from_iterable(pages), site.zone, with_head=True),
            "csv.cut",
            f"mails_{in_zone(now, site.zone):%Y%m%d-%H%M_%Z}.csv",
        )

    @views.get("/<document_id>")
    def mail(document_id: str) -> str:
        found = existing(site.statuses.get(document_id))
        return render_page(
            "mail.html",
            documents_read=1,
            mail=found,
            explanation=explain(found.fields, request_texts(), site.zone),
            bounce_alone=is_bounce_alone(found.fields),
            cause_of=cause_of,
            path=f"{site.statuses.collection.id}/{found.id}",
            in_google=google_url(site, found.id) if not site.emulator else None,
        )

    return views


def google_url(site: Site, document_id: str) -> str:
    """Return the URL of the document in Google Cloud console."""
    database = site.client._database
    shown = "-default-" if database == "(default)" else database
    collection = site.statuses.collection.id
    path = f"databases/{shown}/data/panel/{collection}/{document_id}"
    project = quote(site.client.project)
    return f"https://console.cloud.google.com/firestore/{quote(path)}?project={project}"
