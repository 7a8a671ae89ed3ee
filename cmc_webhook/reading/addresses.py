"""The card of an address: whether to mail it, its mails, and those of the same messages."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.mail_addresses import MailAddresses
from cmc_webhook.reading.meanings import (
    ERROR_LOG,
    HELP_READ,
    Explanation,
    Link,
    explain,
    is_bounce_alone,
    short_cause,
    status_word,
    zone_name,
)
from cmc_webhook.reading.near import Near, near_addresses
from cmc_webhook.reading.pasted import recipients
from cmc_webhook.reading.queries import MOST
from cmc_webhook.reading.statuses import Filters, MailStatuses
from cmc_webhook.reading.stops import is_of_bounces_alone
from cmc_webhook.reading.texts import Texts
from cmc_webhook.reading.times import shown
from cmc_webhook.reading.verdicts import Verdict, verdict_of

# How many mails a card shows in full; few enough for one query by their message ids.
SHOWN = 20
# How many documents with the same message ids a card reads at most, each of which is billed.
_MOST_SIBLINGS = 500
_COUNTED = ("status", "status_at", "bounce_cause")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is known about an address; times are in UTC."""

    address: str
    record: Document | None  # the document that the verdict rests on
    verdict: Verdict  # whether it may be mailed
    mails: Sequence[Document]  # the newest, the latest first
    counts: Counter[str]  # by status, of all mails that were read, as the two times below
    first: datetime | None
    last: datetime | None
    siblings: Sequence[Document]  # of the same messages; one of each two is a bounce alone
    near: Near | None  # the likest addresses, where there is no mail
    period: Sequence[datetime]  # then the times of the oldest and the newest of all mails
    documents_read: int
    is_complete: bool  # whether the mails that were read are all that Firestore has

    @property
    def stop_is_doubtful(self) -> bool:
        """Whether the address is stopped for bounces that may belong to another one."""
        if self.record is None or not self.verdict.cause:
            return False
        return is_of_bounces_alone(self.record, self.mails)


def read_card(statuses: MailStatuses, addresses: MailAddresses, address: str) -> Card:
    """Read the card of *address*, which is as people paste it."""
    address = recipients(address)[0]
    record = addresses.get(address)
    listing = statuses.listing(Filters(to=address))
    mails = listing.page(SHOWN)
    near, period = (None, []) if mails else (near_addresses(statuses, address), statuses.period())
    most = MOST - SHOWN - _MOST_SIBLINGS
    older = listing.page(most, listing.behind(mails[-1]), _COUNTED) if len(mails) == SHOWN else []
    siblings = statuses.of_same_messages(mails, _MOST_SIBLINGS)
    everything = [*mails, *older]
    times = [mail.fields.get("status_at") for mail in everything] or [None]
    read = (*everything, *siblings, *period, *([record] if record else []))
    return Card(
        address=address,
        record=record,
        verdict=verdict_of(record, datetime.now(UTC)),
        mails=mails,
        counts=Counter(map(_word, everything)),
        first=times[-1],
        last=times[0],
        siblings=_related(mails, siblings),
        near=near,
        period=period,
        documents_read=len(read) + (near.documents_read if near else 0),
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
    happened = texts.text("mails.none_ever")
    if card.period:
        since, until = (shown(time, zone) for time in card.period)
        happened = texts.text(
            "card.none_happened", since=since, until=until, zone=zone_name(zone, texts)
        )
    return Explanation(
        happened,
        texts.text("card.none_customer"),
        texts.text("card.none_todo"),
        (Link(texts.text("card.error_log", read=HELP_READ), ERROR_LOG, for_customer=False),),
    )


def _word(mail: Document) -> str:
    return status_word(mail.fields.get("status", ""), mail.fields.get("bounce_cause", ""))


def _related(mails: Sequence[Document], found: Sequence[Document]) -> list[Document]:
    """Return the siblings of *mails* among *found* that may be about the same recipient."""
    ids = {mail.id for mail in mails}
    return [
        other
        for mail in mails
        for other in found
        if other.id not in ids
        and other.fields.get("message_id") == mail.fields.get("message_id")
        and (is_bounce_alone(other.fields) or is_bounce_alone(mail.fields))
    ]
