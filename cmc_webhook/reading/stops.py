"""The list of stops, and what stands beside a verdict without being a part of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.meanings import is_bounce_alone, short_cause
from cmc_webhook.reading.spreadsheets import BOM, csv_line, safe_cell
from cmc_webhook.reading.statuses import MailStatuses
from cmc_webhook.reading.texts import Texts
from cmc_webhook.reading.times import shown
from cmc_webhook.reading.verdicts import Verdict, cause_text, end_text, verdict_of
from cmc_webhook.status.stop_rule import counted

COLUMNS = ("address", "reason", "since", "until", "remark")


def evidence(
    document: Document, texts: Texts, zone: ZoneInfo
) -> tuple[list[str], list[tuple[str, str]]]:
    """Return what an operator decided on an address, and each bounce with its reply."""
    facts, operator = document.fields.get("facts", []), document.fields.get("operator")
    decided = []
    if operator:
        key = "stops.allow" if operator["decision"] == "allow" else "stops.block"
        decided.append(texts.text(key, time=shown(operator["at"], zone)))
        if note := operator.get("note"):
            decided.append(texts.text("stops.note", note=note))
    still, told = counted(facts, operator), []
    for fact in facts:
        settled = "" if fact in still else texts.text("stops.settled")
        why = short_cause({**fact, "bounce_cause": fact.get("cause", "")}, texts)
        about = (shown(fact["at"], zone), why, fact.get("server_composition", ""), settled)
        told.append(("  ".join(filter(None, about)), fact.get("reason", "")))
    return decided, told


def began(since: datetime | None, until: datetime | None) -> Callable[[Document], bool] | None:
    """Return the condition that a stop began *since* and before *until*, None for none."""

    def is_in(document: Document) -> bool:
        at = verdict_of(document, datetime.now(UTC)).since
        return bool(at and (not since or at >= since) and (not until or at < until))

    return is_in if since or until else None


def rows(
    stopped: Sequence[Document], statuses: MailStatuses, texts: Texts, zone: ZoneInfo
) -> Iterator[list[str]]:
    """Yield the cells of COLUMNS for each; of a forgotten address the id stands for it."""
    alone = of_bounces_alone(stopped, statuses)
    for document in stopped:
        verdict = verdict_of(document, datetime.now(UTC))
        yield [
            document.fields.get("to", document.id),
            cause_text(verdict, texts),
            shown(verdict.since, zone, "%Y-%m-%d"),
            end_text(verdict, texts, zone),
            texts.text("stops.remark_alone") if document.id in alone else "",
        ]


def csv_lines(
    pages: Iterable[Sequence[Document]], statuses: MailStatuses, texts: Texts, zone: ZoneInfo
) -> Iterator[str]:
    """Yield the head, and the line of each stopped address."""
    yield BOM + csv_line(texts.text(f"column.{name}") for name in COLUMNS)
    for page in pages:
        for row in rows(page, statuses, texts, zone):
            yield csv_line(map(safe_cell, row))


def later_success(verdict: Verdict, address: str, statuses: MailStatuses) -> datetime | None:
    """Return when a mail to *address* was accepted, if that was after the last fact."""
    at, last = statuses.newest_success(address), verdict.last_fact_at
    return at if at and last and at > last else None


def is_of_bounces_alone(document: Document, mails: Iterable[Document]) -> bool:
    """Return whether the stop of an address document may belong to another address.

    None of *mails* that is behind it has a delivery event for the address: CMC's bounce may
    name the one in the header's To. Mails that have expired tell nothing.
    """
    behind = _mails_behind(document)
    known = [is_bounce_alone(mail.fields) for mail in mails if mail.id in behind]
    return bool(known) and all(known)


def of_bounces_alone(stopped: Sequence[Document], statuses: MailStatuses) -> set[str]:
    """Return the ids of those documents of which that is true. Each mail is a billed read."""
    mails = statuses.get_all(mails_behind(stopped))
    return {each.id for each in stopped if is_of_bounces_alone(each, mails)}


def mails_behind(stopped: Iterable[Document]) -> list[str]:
    """Return the ids of the mails that the stops rest on."""
    return sorted(set().union(*map(_mails_behind, stopped)))


def _mails_behind(document: Document) -> set[str]:
    fields = document.fields
    facts = fields.get("facts", ())
    return {fact["mail"] for fact in facts if fact["kind"] == fields.get("stop_cause")}
