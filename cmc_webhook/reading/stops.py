"""What speaks against a stop: shown beside it, and never part of the verdict."""

from collections.abc import Sequence
from datetime import datetime

from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.meanings import is_bounce_alone
from cmc_webhook.reading.statuses import MailStatuses


def last_fact_at(document: Document) -> datetime | None:
    """Return the time of the last fact of an address document."""
    return max((fact["at"] for fact in document.fields.get("facts", ())), default=None)


def later_success(document: Document, statuses: MailStatuses) -> datetime | None:
    """Return when a mail to the address was accepted, if that was after the last fact."""
    succeeded_at = statuses.newest_success(document.fields.get("to", ""))
    last = last_fact_at(document)
    return succeeded_at if succeeded_at and last and succeeded_at > last else None


def of_bounces_alone(stopped: Sequence[Document], statuses: MailStatuses) -> set[str]:
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
