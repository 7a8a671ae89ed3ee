"""How mailings went: by day of queueing, by campaign, by domain; and the numbers as CSV."""

from datetime import UTC, datetime

from flask import Blueprint, Response, request, url_for

from cmc_webhook.console.downloads import as_csv
from cmc_webhook.console.filters import (
    NAMES,
    BadParameterError,
    UrlFilters,
    read_filters,
    read_one_of,
    read_question,
)
from cmc_webhook.console.site import Site, render_page, request_texts
from cmc_webhook.reading import campaigns
from cmc_webhook.reading.campaigns import MOST_FAILURES, days_until
from cmc_webhook.reading.counts import COLUMNS, OUTCOMES, RATES, cell, threshold
from cmc_webhook.reading.meanings import explain
from cmc_webhook.reading.pasted import Search, domain
from cmc_webhook.reading.queries import count
from cmc_webhook.reading.statuses import Filters
from cmc_webhook.status.document import day_in_japan

_LENGTHS = ("7", "30")
# The parameters of the list of what a column counts; other columns count no mails of a list.
_LISTED = {
    "received": {},
    **{word: {"outcome": word} for word in (*OUTCOMES, "open")},
    "late": {"late": "1"},
}


def statistics(site: Site) -> Blueprint:
    """Return the views of the numbers of mailings."""
    views = Blueprint("statistics", __name__, url_prefix="/statistics")

    @views.get("")
    def show() -> str:
        now, texts = datetime.now(UTC), request_texts()
        chosen = _chosen(site, now)
        filters = chosen.filters
        found = campaigns.mailing(site.statuses, filters)
        # Of all mails of several days the replies say little.
        is_overview = len(filters.days) > 1 and filters == Filters(days=filters.days)
        failed = [] if is_overview else campaigns.replies(site.statuses, filters)
        failures = sum(reply.mails for reply in failed)
        return render_page(
            "statistics.html",
            documents_read=found.sampled + failures,
            count_queries=found.count_queries + 1,  # 1: the stopped addresses
            found=found,
            replies=failed,
            failures=failures,
            most=MOST_FAILURES,
            chosen=chosen,
            lengths=_LENGTHS,
            yesterday=days_until(day_in_japan(now), 2)[1],
            rates=RATES,
            columns=COLUMNS,
            listed=_LISTED,
            stopped=count(site.addresses.stopped(now).query),
            cell=cell,
            threshold=threshold,
            label=lambda kind, row: campaigns.label(kind, row, texts),
            todo=lambda fields: explain(fields, texts, site.zone).todo,
            # The name of a kind of part is that of its parameter.
            url=lambda endpoint, **more: url_for(endpoint, **{**chosen.parameters, **more}),
        )

    @views.get("/numbers.csv")
    def export() -> Response:
        filters = _chosen(site, datetime.now(UTC)).filters
        name = "_".join(["statistics", *sorted({*filters.days[-1:], *filters.days[:1]})])
        found = campaigns.mailing(site.statuses, filters)
        return as_csv(campaigns.csv_lines(found, request_texts()), f"{name}.csv")

    return views


def _chosen(site: Site, now: datetime) -> UrlFilters:
    """Return what the URL chooses, by default the last days. Raises BadParameterError."""
    given = request.args.copy()
    # Ignored, it would give the numbers of other mails than were asked for.
    if unknown := given.keys() - {*NAMES, "last"}:
        raise BadParameterError(min(unknown))
    text, by = read_question(given)
    search = None
    if text:
        read_one_of(given, "by", ("to_domain", "api_data_begins"))
        is_domain = by == "to_domain"
        search = Search(by, domain(text)) if is_domain else Search("api_data", text, whole=False)
    length = int(read_one_of(given, "last", ("", *_LENGTHS)) or _LENGTHS[0])
    if not (any(given.getlist("day")) or by == "api_data_begins"):
        given.setlist("day", [*days_until(day_in_japan(now), length)])
    chosen = read_filters(given, site.zone, now, "all", search)
    # No index answers both.
    if search and not search.whole and chosen.parameters.keys() - {"q", "by", "receiver"}:
        raise BadParameterError("q")
    return chosen
