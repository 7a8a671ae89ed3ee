"""What speaks against a stop: shown beside it, and never part of the verdict."""

from collections.abc import Iterable, Sequence
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


def is_of_bounces_alone(document: Document, mails: Iterable[Document]) -> bool:
    """
    Return whether the stop of an address document may belong to another address.

    None of *mails* that is behind it has a delivery event for the address: CMC's bounce may
    name the one in the header's To. Mails that have expired tell nothing.
    """
    behind = _mails_behind(document)
    known = [is_bounce_alone(mail.fields) for mail in mails if mail.id in behind]
    return bool(known) and all(known)


def of_bounces_alone(stopped: Sequence[Document], statuses: MailStatuses) -> set[str]:
    """Return the ids of those documents of which that is true. Each mail is a billed read."""
    mails = statuses.get_all(sorted(set().union(*map(_mails_behind, stopped))))
    return {each.id for each in stopped if is_of_bounces_alone(each, mails)}


def _mails_behind(document: Document) -> set[str]:
    fields = document.fields
    facts = fields.get("facts", ())
    return {fact["mail"] for fact in facts if fact["kind"] == fields.get("stop_cause")}
