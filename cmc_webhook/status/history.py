"""The events of a status document: their order, which of them stand, which are kept. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any, Required

from pydantic import ConfigDict
from typing_extensions import TypedDict

from cmc_webhook.status.events import (
    BOUNCE_CODES,
    EARLIEST,
    FORWARD_ERROR,
    REST,
    Status,
    StatusEvent,
    bounce_status,
)

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
# The ids of the events that stand for an edited verdict.
STAND_INS = ("held", "held-bounce")
BOUNCE_STATUSES = (Status.BOUNCED, Status.SUPPRESSED)
_FAILURES = (Status.FAILED, *BOUNCE_STATUSES)
FIRST_TIMES: dict[str, str] = {
    Status.QUEUED: "queued_at",
    Status.SUCCEEDED: "succeeded_at",
    Status.FAILED: "failed_at",
    Status.BOUNCED: "bounced_at",
    Status.SUPPRESSED: "suppressed_at",
}


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
        source=event.source,
    )


def made_of(**fields: Any) -> dict[str, Any]:
    """Return the *fields* that are not empty."""
    return {name: value for name, value in fields.items() if value}


def is_from_rest(event: HistoryEvent) -> bool:
    """Return whether CMC's REST API told of *event*, not a post."""
    return event.get("source") == REST


def by_origin(events: list[HistoryEvent]) -> tuple[list[HistoryEvent], list[HistoryEvent]]:
    """Return the events of posts, and those of REST."""
    of_rest = [event for event in events if event.get("source") == REST]
    if not of_rest:  # nearly always
        return events, of_rest
    return [event for event in events if not is_from_rest(event)], of_rest


def merged(known: Mapping[str, Any], events: Iterable[StatusEvent]) -> list[HistoryEvent]:
    """Return the history of the valid document *known* after *events*, oldest first.

    An event of REST stands only while no post told of its status or bounce code: the times
    and texts of the two may differ. Of several the greatest stands.
    """
    history = _explained(known)
    for event in events:
        held = history.get(event.id)
        # A stored event keeps its time, even if another time zone is set now.
        if held is None or (is_from_rest(held) and not event.source):
            history[event.id] = history_event(event)
    ordered = sorted(history.values(), key=moment)
    posted, of_rest = by_origin(ordered)
    if not of_rest:
        return ordered
    told_by_posts = {told(event) for event in posted}
    latest = {told(event): event["id"] for event in of_rest}
    standing = {event_id for what, event_id in latest.items() if what not in told_by_posts}
    return [event for event in ordered if not is_from_rest(event) or event["id"] in standing]


def deciding(ordered: Iterable[HistoryEvent]) -> list[HistoryEvent]:
    """Return the events that can decide a field, the greatest first."""
    # Of those that differ only in times and texts it is the latest.
    latest = {
        (
            *(event["status"], event.get("bounce_code"), event.get("source")),
            *(not event.get("reason"), not event.get("sender_ip")),
        ): event
        for event in ordered
    }
    return sorted(latest.values(), key=_precedence, reverse=True)


def kept(ordered: list[HistoryEvent], deciders: list[HistoryEvent]) -> list[HistoryEvent]:
    """Return the latest of *ordered*, and before them any older event that decides something.

    *deciders* are deciding() of *ordered*.
    """
    if len(ordered) <= HISTORY:
        return ordered
    posted, _ = by_origin(ordered)
    # The deciders are kept in addition: under one cap, those of one post could displace events that
    # the next post needs, and the result would depend on the order of posts. The latest of each
    # status also tells that an event of REST does not stand. Those that do are among them; they
    # displace none, as they may go.
    latest_told = {told(event): event for event in sorted(deciders, key=moment)}
    of_posts, _ = by_origin(deciders)
    explained, sender = first_explained(of_posts), first_with_sender(of_posts)
    stay = (*latest_told.values(), explained, sender)
    ids = {event["id"] for event in (*posted[-HISTORY:], *stay) if event}
    return [event for event in ordered if event["id"] in ids]


def first_bounce(deciders: Iterable[HistoryEvent]) -> HistoryEvent | None:
    return next((event for event in deciders if event["status"] in BOUNCE_STATUSES), None)


def first_explained(deciders: Iterable[HistoryEvent]) -> HistoryEvent | None:
    """Return the first failure with a reason."""
    failures = (event for event in deciders if event["status"] in _FAILURES)
    return next((event for event in failures if event.get("reason")), None)


def first_with_sender(deciders: Iterable[HistoryEvent]) -> HistoryEvent | None:
    return next((event for event in deciders if event.get("sender_ip")), None)


# What events are ordered by.
moment: Callable[[HistoryEvent], tuple[datetime, str]] = itemgetter("at", "id")


def _precedence(event: HistoryEvent) -> tuple[int, bool, datetime, str]:
    status = event["status"]
    rank = _RANKS.get((status, event.get("bounce_code")), _RANKS.get(status, 0))
    return rank, not is_from_rest(event), event["at"], event["id"]


def told(event: HistoryEvent) -> tuple[str, str]:
    """Return status and bounce code, all unknown codes as one, so that there are not many."""
    code = event.get("bounce_code", "")
    return event["status"], code if code in BOUNCE_CODES else ""


def _explained(known: Mapping[str, Any]) -> dict[str, HistoryEvent]:
    """Return the history by event id, with a stand-in for a verdict that it does not explain.

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


def _stand_in(known: Mapping[str, Any], history: Iterable[HistoryEvent]) -> HistoryEvent | None:
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


def _bounce_stand_in(
    known: Mapping[str, Any], history: Iterable[HistoryEvent]
) -> HistoryEvent | None:
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


def _time_of(known: Mapping[str, Any], status: str) -> datetime:
    """Return the stored time of *status*; without one, a time before every accepted event."""
    name = "deferred_at" if status == Status.DEFERRED else FIRST_TIMES.get(status, "")
    time: datetime = known.get(name) or known.get("status_at") or EARLIEST
    return time
