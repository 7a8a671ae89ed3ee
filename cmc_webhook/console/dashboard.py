"""The overview of a period."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, request, url_for

from cmc_webhook.console.charts import chart
from cmc_webhook.console.dashboard_counts import FAILURES, MOST, figures
from cmc_webhook.console.filters import period_of, read_choice
from cmc_webhook.console.meanings import STATUSES
from cmc_webhook.console.periods import NAMED, Period, is_hourly
from cmc_webhook.console.site import Site, page, shown
from cmc_webhook.reading.statuses import Filters

_DEFAULT = "24h"
_MOST_LABELS = 8


def overview(site: Site) -> Blueprint:
    """Return the view at the root."""
    views = Blueprint("overview", __name__)

    @views.get("/")
    def show() -> str:
        choice = read_choice(request.args, site.zone, datetime.now(UTC), _DEFAULT)
        filters = Filters(
            composition=choice.filters.composition,
            since=choice.filters.since,
            until=choice.filters.until,
        )
        period = period_of(filters)
        found = figures(site.statuses, filters, period, site.zone)
        pattern = "%H:%M" if is_hourly(period) else "%m-%d"
        return page(
            "dashboard.html",
            documents_read=found.documents_read,
            counts_asked=found.counts_asked,
            figures=found,
            chart=chart([counts for _, counts in found.series], STATUSES),
            labels=[shown(piece.since, site.zone, pattern) for piece, _ in found.series],
            label_every=-(-len(found.series) // _MOST_LABELS),
            failures=FAILURES,
            most=MOST,
            named=[*NAMED],
            choice=choice,
            period=period,
            link=lambda piece=period, **chosen: _link(filters, piece, chosen),
        )

    return views


def _link(filters: Filters, period: Period, chosen: dict[str, Any]) -> str:
    """Return the address of the list of just those mails that a number counts."""
    since, until = period.since.isoformat(), period.until.isoformat()
    composition = filters.composition or None
    return url_for("mails.show", composition=composition, since=since, until=until, **chosen)
