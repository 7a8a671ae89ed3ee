"""The card of an address: why its newest mail did not arrive, and what to tell the customer."""

from flask import Blueprint
from werkzeug.exceptions import NotFound

from cmc_webhook.console.site import Site, render_page, request_texts
from cmc_webhook.reading.addresses import explain_card, read_card, verdict
from cmc_webhook.reading.meanings import is_bounce_alone, short_cause
from cmc_webhook.reading.near import compared
from cmc_webhook.reading.pasted import LONGEST_ADDRESS


def addresses(site: Site) -> Blueprint:
    """Return the view of one address."""
    views = Blueprint("addresses", __name__, url_prefix="/addresses")

    @views.get("/<path:address>")
    def show(address: str) -> str:
        if len(address) > LONGEST_ADDRESS:
            raise NotFound
        texts = request_texts()
        card = read_card(site.statuses, address)
        newest = card.mails[0] if card.mails else None
        return render_page(
            "address.html",
            documents_read=card.documents_read,
            card=card,
            q=card.address,
            near=card.near,
            compared=compared(card.near, texts) if card.near else "",
            newest=newest,
            verdict=verdict(card, texts, site.zone),
            explanation=explain_card(card, texts, site.zone),
            bounce_alone=newest is not None and is_bounce_alone(newest.fields),
            is_bounce_alone=is_bounce_alone,
            short_cause=lambda fields: short_cause(fields, texts),
        )

    return views
