"""The card of an address: why its newest mail did not arrive, and what to tell the customer."""

from collections.abc import Collection

from flask import Blueprint, request
from werkzeug.exceptions import NotFound

from cmc_webhook.console.site import Site, render_page, request_texts
from cmc_webhook.reading.addresses import explain_card, newest_status, read_card
from cmc_webhook.reading.meanings import is_bounce_alone
from cmc_webhook.reading.near import with_right_domain
from cmc_webhook.reading.pasted import LONGEST_ADDRESS, is_address, recipients
from cmc_webhook.reading.stops import evidence, later_success
from cmc_webhook.reading.verdicts import sentence


def addresses(site: Site) -> Blueprint:
    """Return the view of one address."""
    views = Blueprint("addresses", __name__, url_prefix="/addresses")

    @views.get("/<path:address>")
    def show(address: str) -> str:
        if len(recipients(address)[0]) > LONGEST_ADDRESS:
            raise NotFound
        return card_page(site, address)

    return views


def card_page(site: Site, address: str, searched: Collection[str] = ()) -> str:
    """Return the card of *address*, or of another text; these fields were *searched*."""
    texts = request_texts()
    card = read_card(site.statuses, site.addresses, address)
    is_stopped = bool(card.verdict.cause)
    later = later_success(card.verdict, card.address, site.statuses) if is_stopped else None
    newest = card.mails[0] if card.mails else None
    return render_page(
        "address.html",
        documents_read=card.documents_read + is_stopped,
        card=card,
        q=request.args.get("q", card.address),
        is_address=is_address(address),
        searched=searched,
        right=with_right_domain(card.address),
        newest=newest,
        newest_status=newest_status(card, texts, site.zone),
        verdict=sentence(card.verdict, texts, site.zone),
        evidence=evidence(card.record, texts, site.zone) if card.record else None,
        later=later,
        explanation=explain_card(card, texts, site.zone),
        bounce_alone=newest is not None and is_bounce_alone(newest.fields),
        is_bounce_alone=is_bounce_alone,
    )
