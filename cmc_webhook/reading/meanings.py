"""What became of a mail, what to tell the customer, and what to do: which texts say it. Pure.

The texts are in reading/texts: for each status, cause, class and diagnosis one in each of three
tables. The most specific that a document has is used: its diagnosis, else its cause, else its
status. No text says whether an address may be mailed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cmc_webhook.reading.texts import Texts
from cmc_webhook.reading.times import in_zone, shown
from cmc_webhook.status.diagnosis import Diagnosis, Receiver, may_be_filtered, receiver_of
from cmc_webhook.status.events import BOUNCE_CODES, UNKNOWN_BOUNCE_CODE, Status
from cmc_webhook.text import domain_of

# In the order of CMC's codes.
CAUSES = tuple(cause for cause, _ in (*BOUNCE_CODES.values(), UNKNOWN_BOUNCE_CODE))
CLASSES = ("hard", "soft", "policy", "recipient", "suppressed", "unknown")
# The words of each filter that has some, and the field of Filters.
FILTERS: Mapping[str, tuple[Sequence[str], str]] = {
    "cause": (CAUSES, "causes"),
    "class": (CLASSES, "classes"),
    "diagnosis": ([*map(str, Diagnosis)], "diagnoses"),
}
FORWARD_ERROR = "forward_error"
# The carriers that may drop a mail after they have accepted it.
CARRIERS = (Receiver.DOCOMO, Receiver.AU, Receiver.SOFTBANK)
# The pages that a customer or an operator is referred to, and the month in which each was read.
HELP = {
    Receiver.DOCOMO: "https://www.nttdocomo.co.jp/service/omakase_block/setting/",
    Receiver.AU: "https://au.com/online-manual/scg19/scg19_02/m_05_02_01.html",
    Receiver.SOFTBANK: (
        "https://cdn.softbank.jp/mobile/support/mail/antispam/email-i/antispoof-rescue/"
    ),
    Receiver.GMAIL: "https://support.google.com/a/answer/3726730",
}
# CMC's own log searches for parts of an address.
ERROR_LOG = "https://smtps.jp/docs/userguide/report/errorlog"
HELP_READ = "2026-11"
_AMBIGUOUS = "unknown_user_carrier"
_DELIVERY_TIMES = ("queued_at", "deferred_at", "succeeded_at", "failed_at")
_FAILURES = (Status.FAILED, Status.BOUNCED)
_BOUNCES = (Status.BOUNCED, Status.SUPPRESSED)


class Meaning(NamedTuple):
    """The keys of the texts on one mail."""

    happened: tuple[str, ...]
    customer: tuple[str, ...]
    todo: str


class Link(NamedTuple):
    """A page with more on the subject, for the customer or for us."""

    text: str
    url: str
    for_customer: bool


class Explanation(NamedTuple):
    """The texts on one mail; not *is_certain* where a carrier's reply can mean two things."""

    happened: str
    customer: str
    todo: str
    links: tuple[Link, ...] = ()
    is_certain: bool = True


def status_word(status: str, cause: str) -> str:
    """Return the entry of the table *status*, in which a forward error is a word of its own."""
    if status == Status.BOUNCED and cause == FORWARD_ERROR:
        return FORWARD_ERROR
    return status if status in [*Status] else Status.UNKNOWN.value


def cause_of(bounce_code: str) -> str:
    return BOUNCE_CODES.get(bounce_code, UNKNOWN_BOUNCE_CODE)[0]


def later_success(fields: Mapping[str, Any]) -> datetime | None:
    """Return when the mail last succeeded, if that was after the event that decides its status."""
    decided_at = fields.get("status_at")
    times = [e["at"] for e in fields.get("events", ()) if e["status"] == Status.SUCCEEDED]
    latest = max(times, default=None)
    return latest if latest and decided_at and latest > decided_at else None


def meaning(fields: Mapping[str, Any]) -> Meaning:
    """Return what the status document *fields* means."""
    status = status_word(fields.get("status", ""), fields.get("bounce_cause", ""))
    table, word = _most_specific(fields, status)
    happened: tuple[str, ...] = (f"status_happened.{status}",)
    if f"{table}.{word}" not in (f"status.{status}", f"cause.{status}"):
        happened += (f"{table}_happened.{word}",)
    customer: tuple[str, ...] = (f"{table}_customer.{word}",)
    # A mail that is too big refers to the support anyway.
    if status in _FAILURES and word not in (Diagnosis.TOO_BIG, "oversize"):
        customer += ("customer.urgent",)
    return Meaning(happened, customer, f"{table}_todo.{word}")


def explain(fields: Mapping[str, Any], texts: Texts, zone: ZoneInfo) -> Explanation:
    """Return the meaning of the status document *fields* in words; times are in *zone*."""
    found = meaning(fields)
    receiver = _receiver(fields)
    at = fields.get("succeeded_at") or fields.get("status_at")
    values = {
        "receiver": texts.name("receiver", receiver or ""),
        "domain": domain_of(fields.get("from", "")) or texts.text("customer.domain"),
        "time": time_text(at, texts, zone) if isinstance(at, datetime) else "",
    }
    happened = texts.sentences(found.happened, **values)
    if succeeded_at := later_success(fields):
        later = texts.text("mail.later_success", time=shown(succeeded_at, zone))
        happened = texts.joined([happened, later])
    return Explanation(
        happened,
        texts.sentences(found.customer, **values),
        texts.text(found.todo, **values),
        _links(receiver, fields.get("status", ""), texts),
        found.todo != f"cause_todo.{_AMBIGUOUS}",
    )


def zone_name(zone: ZoneInfo, texts: Texts) -> str:
    """Return *zone* as people call it."""
    return texts.text("page.japan_time") if zone.key == "Asia/Tokyo" else zone.key


def time_text(at: datetime, texts: Texts, zone: ZoneInfo) -> str:
    """Return *at* as a customer reads it, to the minute."""
    return texts.text("customer.time", time=in_zone(at, zone))


def short_cause(fields: Mapping[str, Any], texts: Texts) -> str:
    """Return why the mail failed in a few words: its diagnosis, else its cause; else ""."""
    if diagnosis := fields.get("diagnosis"):
        return texts.name("diagnosis", diagnosis)
    return texts.name("cause", fields.get("bounce_cause", ""))


def is_bounce_alone(fields: Mapping[str, Any]) -> bool:
    """Return whether the mail bounced and no delivery event names this recipient."""
    # CMC's bounce may name the address in the header's To, its delivery events the envelope's
    # (inferred). The bounce then belongs to another document of the same message id.
    if not ("bounced_at" in fields or "suppressed_at" in fields):
        return False
    if any(name in fields for name in _DELIVERY_TIMES):
        return False
    return all(event.get("status") in _BOUNCES for event in fields.get("events", ()))


def _most_specific(fields: Mapping[str, Any], status: str) -> tuple[str, str]:
    """Return the table and the word of the texts for the status document *fields*."""
    diagnosis, cause = fields.get("diagnosis", ""), fields.get("bounce_cause", "")
    receiver = _receiver(fields)
    if diagnosis in [*Diagnosis]:
        return "diagnosis", diagnosis
    if status in _FAILURES and may_be_filtered(
        fields.get("bounce_code", ""), fields.get("reason", ""), fields.get("to_domain", "")
    ):
        return "cause", _AMBIGUOUS
    if cause in CAUSES:
        return "cause", cause
    if cause:
        bounce_class = fields.get("bounce_class", "")
        return "class", bounce_class if bounce_class in CLASSES else "unknown"
    if status == Status.SUCCEEDED and receiver in CARRIERS:
        return "status", f"{status}_{receiver}"
    return "status", status


def _receiver(fields: Mapping[str, Any]) -> Receiver | None:
    return receiver_of(fields.get("to_domain", ""), fields.get("reason", ""))


def _links(receiver: Receiver | None, status: str, texts: Texts) -> tuple[Link, ...]:
    waiting = status in (Status.QUEUED, Status.DEFERRED, Status.SUPPRESSED)
    if receiver not in HELP or waiting or (receiver not in CARRIERS and status not in _FAILURES):
        return ()
    text = texts.text(f"help.{receiver}", read=HELP_READ)
    return (Link(text, HELP[receiver], receiver in CARRIERS),)
