"""The list of mails, newest status first."""

from datetime import UTC, datetime

from flask import Blueprint, request

from cmc_webhook.console.filters import read_choice
from cmc_webhook.console.meanings import CAUSES, STATUSES
from cmc_webhook.console.paging import paged
from cmc_webhook.console.periods import NAMED
from cmc_webhook.console.site import Site, page
from cmc_webhook.reading.statuses import Filters

_PAGE = 50


def mails(site: Site) -> Blueprint:
    """Return the view of the list."""
    views = Blueprint("mails", __name__)

    @views.get("/mails")
    def show() -> str:
        choice = read_choice(request.args, site.zone, datetime.now(UTC), "all")
        found = paged(site.statuses.listing(choice.filters), _PAGE, "mails.show", choice.parameters)
        return page(
            "mails.html",
            documents_read=found.documents_read,
            found=found,
            choice=choice,
            filtered=choice.filters != Filters(),
            periods=("all", *NAMED, "own"),
            statuses=STATUSES,
            causes=CAUSES,
        )

    return views
