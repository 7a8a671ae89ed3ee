"""The list of mails, newest status first."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, request, url_for

from cmc_webhook.console.choices import Choice, read_choice, read_trail
from cmc_webhook.console.meanings import CAUSES, STATUSES
from cmc_webhook.console.periods import NAMED
from cmc_webhook.console.site import Site, page
from cmc_webhook.reading.statuses import Filters, cursor_behind

_PAGE = 50


def mails(site: Site) -> Blueprint:
    """Return the view of the list."""
    views = Blueprint("mails", __name__)

    @views.get("/mails")
    def show() -> str:
        choice = read_choice(request.args, site.zone, datetime.now(UTC), "all")
        trail = read_trail(request.args)
        after = trail[-1][1] if trail else None
        found = site.statuses.page(choice.filters, _PAGE + 1, after)
        places = [text for text, _ in trail]
        more = len(found) > _PAGE
        return page(
            "mails.html",
            documents_read=len(found),
            mails=found[:_PAGE],
            choice=choice,
            filtered=choice.filters != Filters(),
            periods=("all", *NAMED, "own"),
            statuses=STATUSES,
            causes=CAUSES,
            newest=_address(choice, []) if places else None,
            newer=_address(choice, places[:-1]) if places else None,
            older=_address(choice, [*places, str(cursor_behind(found[_PAGE - 1]))])
            if more
            else None,
        )

    return views


def _address(choice: Choice, places: list[str]) -> str:
    parameters: dict[str, Any] = {**choice.parameters, "after": places}
    return url_for("mails.show", **parameters)
