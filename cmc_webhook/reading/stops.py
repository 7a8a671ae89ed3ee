"""What speaks for and against a stop: shown beside the verdict, and never part of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.mail_addresses import MailAddresses
from cmc_webhook.reading.meanings import is_bounce_alone
from cmc_webhook.reading.statuses import MailStatuses
from cmc_webhook.reading.verdicts import Verdict, verdict_of


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    What is known of an address, and the verdict.

    *succeeded_at*: a mail was accepted after the last fact of a stop. *is_alone*: no mail of
    the stop has a delivery event for the address.
    """

    document: Document | None
    verdict: Verdict
    succeeded_at: datetime | None = None
    is_alone: bool = False


def read_state(
    addresses: MailAddresses, statuses: MailStatuses, address: str, now: datetime
) -> State:
    """Read the state of *address*, in ASCII lower case."""
    document = addresses.get(address)
    verdict = verdict_of(document, now)
    if document is None or not verdict.cause:
        return State(document=document, verdict=verdict)
    succeeded_at, last_at = statuses.newest_success(address), last_fact_at(document)
    is_later = succeeded_at and last_at and succeeded_at > last_at
    return State(
        document=document,
        verdict=verdict,
        succeeded_at=succeeded_at if is_later else None,
        is_alone=bool(stops_of_bounces_alone([document], statuses)),
    )


def last_fact_at(document: Document) -> datetime | None:
    """Return the time of the last fact of an address document."""
    return max((fact["at"] for fact in document.fields.get("facts", ())), default=None)


def stops_of_bounces_alone(stopped: Sequence[Document], statuses: MailStatuses) -> set[str]:
    """
    Return the ids of those address documents whose stop may belong to another address.

    None of the mails behind it has a delivery event for the address: CMC's bounce may name
    the one in the header's To. Mails that have expired tell nothing.
    """
    mails = {
        each.id: {
            fact["mail"]
            for fact in each.fields.get("facts", ())
            if fact["kind"] == each.fields.get("stop_cause")
        }
        for each in stopped
    }
    found = statuses.get_all(sorted(set().union(*mails.values())))
    alone = {mail.id: is_bounce_alone(mail.fields) for mail in found}
    known = {name: [alone[mail] for mail in each if mail in alone] for name, each in mails.items()}
    return {name for name, each in known.items() if each and all(each)}
