"""The status document, and the rule which event decides its status. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cmc_webhook.status import history
from cmc_webhook.status.diagnosis import Diagnosis, diagnose
from cmc_webhook.status.events import (
    BOUNCE_CODES,
    EARLIEST,
    FORWARD_ERROR,
    UNKNOWN_BOUNCE_CODE,
    Description,
    Status,
    StatusEvent,
)
from cmc_webhook.text import mail_id

SCHEMA_VERSION = 2
# The class of a bounce that has a diagnosis; without one, its code decides.
CLASSES = {
    Diagnosis.UNKNOWN_USER: "hard",
    Diagnosis.RECIPIENT_FILTER: "recipient",
    Diagnosis.SUSPENDED: "soft",
    Diagnosis.MAILBOX_FULL: "soft",
    Diagnosis.RECEIVER_TROUBLE: "soft",
    Diagnosis.SENDER_AUTH: "policy",
    Diagnosis.SENDER_REPUTATION: "policy",
    Diagnosis.RATE_LIMITED: "policy",
    Diagnosis.CONTENT: "policy",
    Diagnosis.TOO_BIG: "policy",
}
# Days are counted in Japan's time, whatever the settings: campaigns and CMC's statistics are.
JAPAN = timezone(timedelta(hours=9))
# Another writer may store any time; a later one would leave no room for a zone or a period.
_LATEST = datetime(9998, 12, 31, tzinfo=UTC)
# A bounce with one of these codes is no failure of the receiving server to take this mail.
_NO_FAILURE = (FORWARD_ERROR, "10", "11")


class UnreadableDocumentError(Exception):
    """Another writer changed the stored document so that events cannot be added to it."""


class StatusDocument(Description, total=False):
    """The fields that depend only on the set of events. The store adds the times of its writes."""

    status: str
    status_at: datetime
    reason: str
    sender_ip: str
    bounce_code: str
    bounce_cause: str
    bounce_class: str
    diagnosis: str
    outcome: str
    late_bounce: bool
    first_event_at: datetime
    queued_on: str
    queued_at: datetime
    deferred_at: datetime
    succeeded_at: datetime
    failed_at: datetime
    bounced_at: datetime
    suppressed_at: datetime
    events: list[history.HistoryEvent]
    schema_version: int


_TIMES = (*history.FIRST_TIMES.values(), "deferred_at", "first_event_at")
DESCRIPTIONS = tuple(Description.__annotations__)
FIELDS = tuple(StatusDocument.__annotations__)
_HELD = TypeAdapter(StatusDocument)


def document_id(server_composition: str, message_id: str, to: str) -> str:
    """Return the id of the document of one mail and recipient: text.mail_id of the three.

    *to* is in ASCII lower case, like the field.

    >>> document_id("pro", "<031a32d4-06cd@example.com>", "user@example.jp")
    'cd75-031a32d4-06cd@example.com.a58fc8629cffa2fd'
    """
    return mail_id(message_id, server_composition, message_id, to)


def id_of(event: StatusEvent) -> str:
    """Return the id of the document of the mail and recipient of *event*."""
    return document_id(event.description["server_composition"], event.message_id, event.to)


def valid(held: Mapping[str, Any]) -> StatusDocument:
    """Return the valid fields of a document, without nulls. Raises UnreadableDocumentError."""
    try:
        return _HELD.validate_python(without_nulls(held), strict=True)
    except ValidationError:
        raise UnreadableDocumentError from None  # pydantic's text would quote the document


def fold(held: Mapping[str, Any], events: Iterable[StatusEvent]) -> dict[str, Any]:
    """Return the fields of the document *held* (empty for a new one) after *events*.

    The result depends only on the set of all events ever folded in, not on their order,
    repetition or grouping into posts. Raises UnreadableDocumentError.
    """
    return fold_valid(valid(held), list(events))


def fold_valid(known: StatusDocument, events: Sequence[StatusEvent]) -> dict[str, Any]:
    """Do as fold() of a document that is valid(), or the result of another fold; change neither."""
    merged, new = history.merged(known, events)
    deciders = merged.deciders
    described = _descriptions(known, events)
    times = _times(known, merged, new)
    verdict = _verdict(deciders, described.get("to_domain", ""))
    sender = deciders.with_sender
    return {
        **described,
        **times,
        **verdict,
        **_outcome(times, verdict),
        **history.made_of(
            queued_on=_queued_on(times),
            sender_ip=sender["sender_ip"] if sender else _held_sender_ip(known),
            events=history.kept(merged),
        ),
        "schema_version": max(known.get("schema_version", 0), SCHEMA_VERSION),
    }


def changes(held: Mapping[str, Any], folded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields in which *folded* differs from *held*; None for one to delete."""
    if not held:
        return dict(folded)
    return {name: folded.get(name) for name in FIELDS if held.get(name) != folded.get(name)}


def without_nulls(value: Any) -> Any:
    """Return *value* without null in its maps: Firestore's null is an empty field to people."""
    if isinstance(value, Mapping):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    return value


def _verdict(deciders: history.Deciders, to_domain: str) -> dict[str, Any]:
    greatest, explained = deciders.of_all, deciders.explained
    if greatest is None:
        return {}
    reason_of = greatest if greatest["status"] == Status.DEFERRED else explained
    reason = reason_of and reason_of.get("reason")
    bounce = _bounce(deciders.bounce or explained, to_domain)
    return history.made_of(
        status=greatest["status"], status_at=greatest["at"], reason=reason, **bounce
    )


def _held_sender_ip(known: StatusDocument) -> str:
    """Return the stored sender, unless an event of REST gave it, which may have left."""
    _, of_rest = history.by_origin(known.get("events", []))
    sender_ip = known.get("sender_ip", "")
    return "" if sender_ip in [event.get("sender_ip") for event in of_rest] else sender_ip


def _bounce(event: history.HistoryEvent | None, to_domain: str) -> dict[str, Any]:
    """Return what the greatest bounce says, or the greatest failure where there is no bounce."""
    if event is None:
        return {}
    code = event.get("bounce_code", "")
    diagnosis = diagnose(code, event.get("reason", ""), to_domain)
    diagnosed = {"diagnosis": diagnosis.value} if diagnosis else {}
    if event["status"] not in history.BOUNCE_STATUSES:
        return diagnosed
    cause, bounce_class = BOUNCE_CODES.get(code, UNKNOWN_BOUNCE_CODE)
    if diagnosis:
        bounce_class = CLASSES[diagnosis]
    return diagnosed | {"bounce_code": code, "bounce_cause": cause, "bounce_class": bounce_class}


def _outcome(times: Mapping[str, datetime], verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outcome as CMC's statistics count it, and whether a bounce came after success."""
    failing_bounce = "bounce_cause" in verdict and verdict.get("bounce_code") not in _NO_FAILURE
    if "succeeded_at" in times:
        return history.made_of(outcome="succeeded", late_bounce=failing_bounce)
    if "suppressed_at" in times:
        return {"outcome": "suppressed"}
    return {"outcome": "failed" if failing_bounce or "failed_at" in times else "open"}


def _queued_on(times: Mapping[str, datetime]) -> str:
    """Return the day in Japan on which the mail was queued, ``yyyy-mm-dd``; empty if unknown."""
    at = times.get("queued_at") or times.get("first_event_at")
    return _iso_day(at) if at else ""


def day_in_japan(at: datetime) -> date:
    """Return the day in Japan at the time *at*."""
    return min(at, _LATEST).astimezone(JAPAN).date()


@lru_cache(maxsize=1024)  # a post covers about a second
def _iso_day(at: datetime) -> str:
    return day_in_japan(at).isoformat()


def _times(
    known: StatusDocument, merged: history.History, new: Iterable[history.HistoryEvent]
) -> dict[str, datetime]:
    """Return the first time of each status and of any event, and the last deferral.

    An event of REST gives a time only where no post did.
    """
    held = _posted_times(known) if known else {}
    if held:  # a document of schema version 1 has no first_event_at: its other times are as early
        held["first_event_at"] = min(held.values())
    if not merged.has_rest:  # nearly always
        return _times_after(held, new)
    posted, of_rest = history.by_origin(merged)
    return _times_after({}, of_rest) | _times_after(held, posted)


def _posted_times(known: StatusDocument) -> dict[str, datetime]:
    """Return the stored times without those that only events of REST gave: such may leave."""
    times: dict[str, datetime] = {
        name: known[name]  # type: ignore[literal-required]
        for name in _TIMES
        if name in known
    }
    posted, of_rest = history.by_origin(known.get("events", []))
    if not of_rest:
        return times
    of_posts, of_others = _times_after({}, posted), _times_after({}, of_rest)
    return {n: at for n, at in times.items() if n in of_posts or at != of_others.get(n)}


def _times_after(
    times: dict[str, datetime], events: Iterable[history.HistoryEvent]
) -> dict[str, datetime]:
    """Return *times*, with those of *events* added."""
    for event in events:
        at, status = event["at"], event["status"]
        if at == EARLIEST and event["id"] in history.STAND_INS:
            continue  # its time is not known
        if status == Status.DEFERRED:
            times["deferred_at"] = max(at, times.get("deferred_at", at))
        elif name := history.FIRST_TIMES.get(status):
            times[name] = min(at, times.get(name, at))
        times["first_event_at"] = min(at, times.get("first_event_at", at))
    return times


def _descriptions(known: Mapping[str, Any], events: Iterable[StatusEvent]) -> dict[str, str]:
    """Return the descriptive fields; of several values the greatest, in whatever order."""
    described: dict[str, str] = {n: text for n in DESCRIPTIONS if (text := known.get(n))}
    for event in events:
        texts: Mapping[str, str] = event.description  # type: ignore[assignment]
        for name, text in texts.items():
            if text > described.get(name, ""):
                described[name] = text
    return described
