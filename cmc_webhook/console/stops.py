"""Whom not to mail: the list, its CSV, a file that is checked, and what a person decides.

A check reads and changes nothing, so it is there for read-only pages too.
"""

from datetime import UTC, datetime
from tempfile import TemporaryFile
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as AnyResponse

from cmc_webhook.console.downloads import download, safe_name, spreadsheet
from cmc_webhook.console.filters import BadParameterError, read_one_of, read_period, read_text
from cmc_webhook.console.paging import paged
from cmc_webhook.console.site import Site, render_page, request_texts
from cmc_webhook.reading import stops as reading
from cmc_webhook.reading.checking import Source, check
from cmc_webhook.reading.csv_files import CsvFile, UnreadableFileError
from cmc_webhook.reading.decisions import store_decision
from cmc_webhook.reading.pasted import is_address, recipients
from cmc_webhook.reading.queries import Listing
from cmc_webhook.reading.times import in_zone
from cmc_webhook.status.stop_rule import STOP_CAUSES

# Each address of a file is a billed read.
_MOST_CHECKED = 10_000
LARGEST_FILE = 5_000_000
_PARAMETERS = ("cause", "domain", "period", "since", "until")


def stops(site: Site) -> Blueprint:
    """Return the views of the stopped addresses."""
    views = Blueprint("stops", __name__, url_prefix="/stops")

    def listing() -> Listing:
        _, since, until = read_period(request.args, site.zone, datetime.now(UTC), "all")
        return site.addresses.stopped(
            datetime.now(UTC),
            cause=read_one_of(request.args, "cause", ("", *STOP_CAUSES)),
            domain=read_text(request.args, "domain"),
            keep=reading.began(since, until),
        )

    @views.get("")
    def show() -> str:
        args = request.args
        kept: Any = {n: args[n] for n in _PARAMETERS if args.get(n) not in (None, "", "all")}
        found = paged(listing(), kept)
        behind = reading.mails_behind(found.documents)
        return render_page(
            "stops.html",
            documents_read=found.documents_read + len(behind) + (not found.documents),
            found=found,
            rows=reading.rows(found.documents, site.statuses, request_texts(), site.zone),
            columns=reading.COLUMNS,
            is_empty=not found.documents and site.addresses.is_empty(),
            kept=kept,
            causes=STOP_CAUSES,
            most_checked=_MOST_CHECKED,
            largest=LARGEST_FILE // 1_000_000,
        )

    @views.get("/export.csv")
    def export() -> Response:
        about = (site.statuses, request_texts(), site.zone)
        name = f"stopped_{in_zone(datetime.now(UTC), site.zone):%Y%m%d-%H%M_%Z}.csv"
        return spreadsheet(
            listing(), lambda pages: reading.csv_lines(pages, *about), "csv.cut_stops", name
        )

    @views.post("/check")
    def check_file() -> Response:
        """Return the file of the form with the answers added; nothing of it is kept."""
        file = request.files.get("file")
        if not file:
            raise BadParameterError("file")
        table = CsvFile(file.stream, read_text(request.form, "column"))
        if table.length > _MOST_CHECKED:
            raise UnreadableFileError("checked.too_many", count=f"{_MOST_CHECKED:,}")
        composition = read_text(request.form, "composition") or None
        now = datetime.now(UTC)
        source = Source(site.addresses, site.statuses, now, composition, many=False)
        # The whole answer, or none: an error comes as a page and not as half a file.
        answer = TemporaryFile()  # noqa: SIM115  # it is closed with the response
        for _ in check(table, answer, source, request_texts(), site.zone):
            pass
        return download(answer, safe_name(f"checked_{file.filename}", "checked.csv"))

    @views.post("/<any(allow, block):decision>")
    def decide(decision: str) -> AnyResponse:
        given = read_text(request.form, "to")
        if not is_address(given):
            raise BadParameterError("to")
        # A checkbox, because a question needs JavaScript.
        if decision == "allow" and "sure" not in request.form:
            raise Forbidden
        address = recipients(given)[0]
        store_decision(site.addresses.collection, address, decision, request.form.get("note", ""))
        return redirect(url_for("addresses.show", address=address), 303)

    return views
