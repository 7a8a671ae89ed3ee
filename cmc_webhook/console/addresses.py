"""The card of an address: why its newest mail did not arrive, and what to tell the customer."""

from flask import Blueprint
from werkzeug.exceptions import NotFound

from cmc_webhook.console.site import Site, render_page, request_texts
from cmc_webhook.reading.addresses import explain_card, newest_status, read_card
from cmc_webhook.reading.meanings import is_bounce_alone, short_cause
from cmc_webhook.reading.verdicts import sentence

# RFC 5321 allows 254 bytes.
_LONGEST = 320


def addresses(site: Site) -> Blueprint:
    """Return the view of one address."""
    views = Blueprint("addresses", __name__, url_prefix="/addresses")

    @views.get("/<path:address>")
    def show(address: str) -> str:
        if len(address) > _LONGEST:
            raise NotFound
        texts = request_texts()
        card = read_card(site.statuses, site.addresses, address)
        newest = card.mails[0] if card.mails else None
        return render_page(
            "address.html",
            documents_read=card.documents_read,
            card=card,
            newest=newest,
            newest_status=newest_status(card, texts, site.zone),
            verdict=sentence(card.verdict, texts, site.zone),
            explanation=explain_card(card, texts, site.zone),
            bounce_alone=newest is not None and is_bounce_alone(newest.fields),
            is_bounce_alone=is_bounce_alone,
            short_cause=lambda fields: short_cause(fields, texts),
        )

    return views
