"""The status document, and the rule which event decides its status. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, NamedTuple, Required

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from cmc_webhook.status.diagnosis import Diagnosis, diagnose
from cmc_webhook.status.events import (
    BOUNCE_CODES,
    EARLIEST,
    FORWARD_ERROR,
    UNKNOWN_BOUNCE_CODE,
    Description,
    Status,
    StatusEvent,
    bounce_status,
)
from cmc_webhook.text import mail_id

SCHEMA_VERSION = 2
# A document keeps this many of the latest events, and older ones that still decide a field.
HISTORY = 64

# The greatest rank decides the status. A forward error is the bounce of another address: the mail
# may have arrived, so it ranks below `succeeded`.
_RANKS: dict[object, int] = {
    Status.UNKNOWN: 0,
    Status.QUEUED: 1,
    Status.DEFERRED: 2,
    (Status.BOUNCED, FORWARD_ERROR): 3,
    Status.SUCCEEDED: 4,
    Status.FAILED: 5,
    Status.SUPPRESSED: 6,
    Status.BOUNCED: 7,
}
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
# The ids of the events that stand for an edited verdict.
STAND_INS = ("held", "held-bounce")
BOUNCE_STATUSES = (Status.BOUNCED, Status.SUPPRESSED)
_FAILURES = (Status.FAILED, *BOUNCE_STATUSES)
_FIRST_TIMES: dict[str, str] = {
    Status.QUEUED: "queued_at",
    Status.SUCCEEDED: "succeeded_at",
    Status.FAILED: "failed_at",
    Status.BOUNCED: "bounced_at",
    Status.SUPPRESSED: "suppressed_at",
}


class UnreadableDocumentError(Exception):
    """Another writer changed the stored document so that events cannot be added to it."""


class HistoryEvent(TypedDict, total=False):
    """One event in the history; fields that a newer version added are kept."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    at: Required[datetime]
    id: Required[str]
    status: Required[str]
    created: str
    reason: str
    bounce_code: str
    sender_ip: str
    raw_status: str
    source: str


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
    events: list[HistoryEvent]
    schema_version: int


DESCRIPTIONS = tuple(Description.__annotations__)
FIELDS = tuple(StatusDocument.__annotations__)
_HELD = TypeAdapter(StatusDocument)


def document_id(server_composition: str, message_id: str, to: str) -> str:
    """
    Return the id of the document of one mail and recipient: text.mail_id of the three.

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
    """
    Return the fields of the document *held* (empty for a new one) after *events*.

    The result depends only on the set of all events ever folded in, not on their order,
    repetition or grouping into posts. Raises UnreadableDocumentError.
    """
    return fold_valid(valid(held), events)


def fold_valid(known: StatusDocument, events: Iterable[StatusEvent]) -> dict[str, Any]:
    """Do as fold() of a document that is valid(), or the result of another fold; change neither."""
    events = list(events)
    history = _explained(known)
    # A stored event keeps its time, even if another time zone is set now.
    history |= {event.id: history_event(event) for event in events if event.id not in history}
    ordered = sorted(history.values(), key=_moment)
    deciders = _deciders(ordered)
    described = _descriptions(known, events)
    times = _times(known, ordered)
    verdict = _verdict(deciders, described.get("to_domain", ""))
    document = {
        **described,
        **times,
        **verdict,
        **_outcome(times, verdict),
        "queued_on": _queued_on(times),
        "sender_ip": deciders.sender["sender_ip"] if deciders.sender else known.get("sender_ip"),
        "events": _kept(ordered, deciders),
        "schema_version": max(known.get("schema_version", 0), SCHEMA_VERSION),
    }
    return {name: value for name, value in document.items() if value}


def changes(held: Mapping[str, Any], folded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields in which *folded* differs from *held*; None for one to delete."""
    return {name: folded.get(name) for name in FIELDS if held.get(name) != folded.get(name)}


def without_nulls(value: Any) -> Any:
    """Return *value* without null in its maps: Firestore's null is an empty field to people."""
    if isinstance(value, Mapping):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    return value


def _explained(known: StatusDocument) -> dict[str, HistoryEvent]:
    """
    Return the history by event id, with a stand-in for a verdict that it does not explain.

    Another writer may remove or change events. The stored verdict is a floor: without the
    stand-in, the next event would compute a lower status from what is left.
    """
    history = {event["id"]: event for event in known.get("events", [])}
    latest_first = [*reversed(history.values())]  # the event that explains is among the latest
    for event in (_stand_in(known, latest_first), _bounce_stand_in(known, latest_first)):
        if event:
            present = history.get(event["id"])
            history[event["id"]] = max(present, event, key=_precedence) if present else event
    return history


def _stand_in(known: StatusDocument, history: Iterable[HistoryEvent]) -> HistoryEvent | None:
    """Return an event made of the stored status, unless an event in *history* has it."""
    status, code = known.get("status"), known.get("bounce_code", "")
    is_bounce = status in BOUNCE_STATUSES
    if not status or any(
        event["status"] == status
        and event["at"] == known.get("status_at", event["at"])
        and (not is_bounce or event.get("bounce_code", "") == code)
        for event in history
    ):
        return None
    has_reason = status in (*_FAILURES, Status.DEFERRED)
    return made_of(  # type: ignore[return-value]
        id="held",
        at=known.get("status_at") or _time_of(known, status),
        status=status,
        reason=known.get("reason", "") if has_reason else "",
        bounce_code=code if is_bounce else "",
        sender_ip=known.get("sender_ip", ""),
    )


def _bounce_stand_in(known: StatusDocument, history: Iterable[HistoryEvent]) -> HistoryEvent | None:
    """Return an event made of the stored bounce code, unless an event has it."""
    code = known.get("bounce_code", "")
    if not code or any(event.get("bounce_code") == code for event in history):
        return None
    if known.get("status") in BOUNCE_STATUSES:
        return None  # the other stand-in has it
    status = bounce_status(code)
    return made_of(  # type: ignore[return-value]
        id="held-bounce",
        at=_time_of(known, status),
        status=status,
        reason=known.get("reason", ""),
        bounce_code=code,
    )


def _time_of(known: StatusDocument, status: str) -> datetime:
    """Return the stored time of *status*; without one, a time before every accepted event."""
    name = "deferred_at" if status == Status.DEFERRED else _FIRST_TIMES.get(status, "")
    return known.get(name) or known.get("status_at") or EARLIEST  # type: ignore[return-value]


def made_of(**fields: Any) -> dict[str, Any]:
    """Return the *fields* that are not empty."""
    return {name: value for name, value in fields.items() if value}


def history_event(event: StatusEvent) -> HistoryEvent:
    return made_of(  # type: ignore[return-value]
        at=event.at,
        id=event.id,
        status=event.status.value,
        created=event.created,
        reason=event.reason,
        bounce_code=event.bounce_code,
        sender_ip=event.sender_ip,
        raw_status=event.raw_status,
    )


def _moment(event: HistoryEvent) -> tuple[datetime, str]:
    return event["at"], event["id"]


def _precedence(event: HistoryEvent) -> tuple[int, datetime, str]:
    status = event["status"]
    rank = _RANKS.get((status, event.get("bounce_code")), _RANKS.get(status, 0))
    return rank, event["at"], event["id"]


class _Deciders(NamedTuple):
    """The events that decide the fields of a document; None for one that there is not."""

    greatest: HistoryEvent | None
    bounce: HistoryEvent | None
    explained: HistoryEvent | None
    sender: HistoryEvent | None


def _deciders(ordered: Iterable[HistoryEvent]) -> _Deciders:
    """Return the greatest event, bounce, failure with a reason, and event with a sender's IP."""
    # Of events that are alike in all that is asked here, the latest is the greatest.
    last = {
        (e["status"], e.get("bounce_code"), not e.get("reason"), not e.get("sender_ip")): e
        for e in ordered
    }
    events = sorted(last.values(), key=_precedence, reverse=True)
    return _Deciders(
        greatest=next(iter(events), None),
        bounce=next((e for e in events if e["status"] in BOUNCE_STATUSES), None),
        explained=next((e for e in events if e["status"] in _FAILURES and e.get("reason")), None),
        sender=next((e for e in events if e.get("sender_ip")), None),
    )


def _kept(ordered: list[HistoryEvent], deciders: _Deciders) -> list[HistoryEvent]:
    """Return the latest of *ordered*, and before them any older event that decides a field."""
    latest = ordered[-HISTORY:]
    if len(latest) == len(ordered):
        return ordered
    # The deciders are kept in addition: under one cap, those of one post could displace events that
    # the next post needs, and the result would depend on the order of posts.
    first = latest[0]
    older = {e["id"]: e for e in deciders if e and _moment(e) < _moment(first)}
    return [*sorted(older.values(), key=_moment), *latest]


def _verdict(deciders: _Deciders, to_domain: str) -> dict[str, Any]:
    greatest = deciders.greatest
    if greatest is None:
        return {}
    explained = greatest if greatest["status"] == Status.DEFERRED else deciders.explained
    return {
        "status": greatest["status"],
        "status_at": greatest["at"],
        "reason": explained and explained.get("reason"),
        **_bounce(deciders.bounce or deciders.explained, to_domain),
    }


def _bounce(event: HistoryEvent | None, to_domain: str) -> dict[str, Any]:
    """Return what the greatest bounce says, or the greatest failure where there is no bounce."""
    if event is None:
        return {}
    code = event.get("bounce_code", "")
    diagnosis = diagnose(code, event.get("reason", ""), to_domain)
    diagnosed = {"diagnosis": diagnosis.value} if diagnosis else {}
    if event["status"] not in BOUNCE_STATUSES:
        return diagnosed
    cause, bounce_class = BOUNCE_CODES.get(code, UNKNOWN_BOUNCE_CODE)
    if diagnosis:
        bounce_class = CLASSES[diagnosis]
    return diagnosed | {"bounce_code": code, "bounce_cause": cause, "bounce_class": bounce_class}


def _outcome(times: Mapping[str, datetime], verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outcome as CMC's statistics count it, and whether a bounce came after success."""
    failing_bounce = "bounce_cause" in verdict and verdict["bounce_code"] not in _NO_FAILURE
    if "succeeded_at" in times:
        return {"outcome": "succeeded", "late_bounce": failing_bounce}
    if "suppressed_at" in times:
        return {"outcome": "suppressed"}
    return {"outcome": "failed" if failing_bounce or "failed_at" in times else "open"}


def _queued_on(times: Mapping[str, datetime]) -> str:
    """Return the day in Japan on which the mail was queued, ``yyyy-mm-dd``; empty if unknown."""
    at = times.get("queued_at") or times.get("first_event_at")
    return day_in_japan(at).isoformat() if at else ""


@lru_cache(maxsize=1024)  # a post covers about a second
def day_in_japan(at: datetime) -> date:
    """Return the day in Japan at the time *at*."""
    return min(at, _LATEST).astimezone(JAPAN).date()


def _times(known: StatusDocument, ordered: list[HistoryEvent]) -> dict[str, datetime]:
    """Return the first time of each status and of any event, and the last deferral."""
    times: dict[str, datetime] = {
        name: known[name]  # type: ignore[literal-required]
        for name in (*_FIRST_TIMES.values(), "deferred_at", "first_event_at")
        if name in known
    }
    # The time of a stand-in may be unknown: it is then before all others.
    dated = [e for e in ordered if e["id"] not in STAND_INS or e["at"] > EARLIEST]
    # A document of schema version 1 has no first_event_at: its other times are as early.
    firsts = [*times.values(), *(event["at"] for event in dated[:1])]
    if firsts:
        times["first_event_at"] = min(firsts)
    first = {event["status"]: event["at"] for event in reversed(dated)}
    last = {event["status"]: event["at"] for event in dated}
    for status, at in first.items():
        if name := _FIRST_TIMES.get(status):
            times[name] = min(times.get(name, at), at)
    if at := last.get(Status.DEFERRED):
        times["deferred_at"] = max(times.get("deferred_at", at), at)
    return times


def _descriptions(known: Mapping[str, Any], events: Iterable[StatusEvent]) -> dict[str, str]:
    """Return the descriptive fields; of several values the greatest, in whatever order."""
    described: dict[str, str] = {name: known[name] for name in DESCRIPTIONS if name in known}
    for event in events:
        texts: Mapping[str, str] = event.description  # type: ignore[assignment]
        for name, text in texts.items():
            if text > described.get(name, ""):
                described[name] = text
    return described
