"""The card of an address: whether to mail it, its mails, and those of the same messages."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.mail_addresses import MailAddresses
from cmc_webhook.reading.meanings import (
    Explanation,
    explain,
    is_bounce_alone,
    short_cause,
    status_word,
)
from cmc_webhook.reading.pasted import recipients
from cmc_webhook.reading.statuses import Filters, MailStatuses
from cmc_webhook.reading.texts import Texts
from cmc_webhook.reading.times import shown
from cmc_webhook.reading.verdicts import Verdict, verdict_of

# How many mails a card shows in full; few enough for one query by their message ids.
SHOWN = 20
# How many documents a card reads at most, each of which is billed: of the address, of the same
# messages, and in place of both where the address has no mail.
MOST = 5_000
_MOST_SIBLINGS = 500
_MOST_SIMILAR = 20
_COUNTED = ("status", "status_at", "bounce_cause")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """A mail of the same message under another address; one of the two is a bounce alone."""

    of: Document
    mail: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """
    What is known about an address.

    *mails* are the newest, the latest first; *counts*, *first* and *last* (times of the
    statuses, UTC) are of all mails that were read. *is_complete* says whether these are all
    that Firestore has. *similar* are addresses with the same local part, where there is no mail.
    *verdict* says whether it may be mailed, *record* is the document that it rests on.
    """

    address: str
    record: Document | None
    verdict: Verdict
    mails: Sequence[Document]
    counts: Counter[str]
    first: datetime | None = None
    last: datetime | None = None
    siblings: Sequence[Sibling] = ()
    similar: Sequence[str] = ()
    documents_read: int
    is_complete: bool = True


def read_card(statuses: MailStatuses, addresses: MailAddresses, address: str) -> Card:
    """Read the card of *address*, which is as people paste it."""
    address = recipients(address)[0]
    record = addresses.get(address)
    verdict, records = verdict_of(record, datetime.now(UTC)), 1 if record else 0
    listing = statuses.listing(Filters(to=address))
    mails = listing.page(SHOWN)
    if not mails:
        similar = statuses.addresses_beginning(address.rpartition("@")[0], _MOST_SIMILAR)
        return Card(
            address=address,
            record=record,
            verdict=verdict,
            mails=mails,
            counts=Counter(),
            similar=list(dict.fromkeys(similar)),
            documents_read=records + len(similar),
        )
    most = MOST - SHOWN - _MOST_SIBLINGS
    older = listing.page(most, listing.behind(mails[-1]), _COUNTED) if len(mails) == SHOWN else []
    siblings = statuses.of_same_messages(mails, _MOST_SIBLINGS)
    everything = [*mails, *older]
    return Card(
        address=address,
        record=record,
        verdict=verdict,
        mails=mails,
        counts=Counter(_word(mail) for mail in everything),
        first=everything[-1].fields.get("status_at"),
        last=mails[0].fields.get("status_at"),
        siblings=_related(mails, siblings),
        documents_read=records + len(everything) + len(siblings),
        is_complete=len(older) < most and len(siblings) < _MOST_SIBLINGS,
    )


def newest_status(card: Card, texts: Texts, zone: ZoneInfo) -> str:
    """Return in one sentence what became of the newest mail."""
    if not card.mails:
        return texts.text("card.none")
    fields = card.mails[0].fields
    cause = short_cause(fields, texts)
    return texts.text(
        "card.verdict_cause" if cause else "card.verdict",
        status=texts.name("status", _word(card.mails[0])),
        cause=cause,
        time=shown(fields.get("status_at"), zone),
    )


def explain_card(card: Card, texts: Texts, zone: ZoneInfo) -> Explanation:
    """Return the meaning of the newest mail; without one, what to do about that."""
    if card.mails:
        return explain(card.mails[0].fields, texts, zone)
    return Explanation(
        texts.text("card.none_happened"),
        texts.text("card.none_customer"),
        texts.text("card.none_todo"),
    )


def _word(mail: Document) -> str:
    return status_word(mail.fields.get("status", ""), mail.fields.get("bounce_cause", ""))


def _related(mails: Sequence[Document], found: Sequence[Document]) -> list[Sibling]:
    """Return the siblings of *mails* among *found* that may be about the same recipient."""
    ids = {mail.id for mail in mails}
    return [
        Sibling(of=mail, mail=other)
        for mail in mails
        for other in found
        if other.id not in ids
        and other.fields.get("message_id") == mail.fields.get("message_id")
        and (is_bounce_alone(other.fields) or is_bounce_alone(mail.fields))
    ]
