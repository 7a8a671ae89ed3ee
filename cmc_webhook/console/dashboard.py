"""The dashboard: the numbers of a period."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, request, url_for

from cmc_webhook.console.dashboard_counts import FAILURES, dashboard_counts
from cmc_webhook.console.filters import BadParameterError, read_filters
from cmc_webhook.console.periods import NAMED, is_hourly, last
from cmc_webhook.console.site import Site, render_page
from cmc_webhook.reading.queries import MOST
from cmc_webhook.reading.statuses import Filters, why_empty
from cmc_webhook.reading.times import Period, shown
from cmc_webhook.status.events import Status

_MOST_LABELS = 8
_MOST_STEPS = 4


def dashboard(site: Site) -> Blueprint:
    """Return the view at the root."""
    views = Blueprint("dashboard", __name__)

    @views.get("/")
    def show() -> str:
        now = datetime.now(UTC)
        chosen = read_filters(request.args, site.zone, now, "24h")
        period = _period(chosen.filters)
        filters = Filters(
            composition=chosen.filters.composition, since=period.since, until=period.until
        )
        counts = dashboard_counts(site.statuses, filters, period, site.zone)
        empty = None if counts["total"] else why_empty(site.statuses, filters)
        newest_url = None
        if empty and empty.newest:
            newest_url = _url("dashboard.show", filters, last(timedelta(hours=24), empty.newest))
        over_time = counts["over_time"]
        pattern = "%H:%M" if is_hourly(period) else "%m-%d"
        return render_page(
            "dashboard.html",
            documents_read=counts["documents_read"] or 1,  # of why_empty
            count_queries=counts["count_queries"],
            counts=counts,
            empty=empty,
            newest_url=newest_url,
            now=now,
            ticks=ticks(max(sum(found.values()) for _, found in over_time)),
            statuses=[*Status],
            label=lambda piece: shown(piece.since, site.zone, pattern),
            label_every=-(-len(over_time) // _MOST_LABELS),
            failures=FAILURES,
            most=MOST,
            named=[*NAMED],
            chosen=chosen,
            period=period,
            # The list of exactly the mails that a number counts.
            list_url=lambda piece=period, **words: _url("mails.show", filters, piece, **words),
        )

    return views


def ticks(most: int) -> list[int]:
    """Return at most five round numbers from 0 to *most* or just above."""
    sizes = (step * 10**power for power in itertools.count() for step in (1, 2, 5))
    size = next(size for size in sizes if size * _MOST_STEPS >= most)
    return [size * number for number in range(max(1, -(-most // size)) + 1)]


def _period(filters: Filters) -> Period:
    if filters.since is None or filters.until is None or filters.since >= filters.until:
        raise BadParameterError("period")
    return Period(filters.since, filters.until)


def _url(endpoint: str, filters: Filters, period: Period, **words: Any) -> str:
    since, until = period.since.isoformat(), period.until.isoformat()
    composition = filters.composition or None
    return url_for(endpoint, composition=composition, since=since, until=until, **words)
