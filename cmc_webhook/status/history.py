"""The events of a status document: their order, which of them stand, which are kept. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple, Required

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
# Bytes of memory that an event takes, measured on CPython 3.11 and 3.13.
_EVENT = 500

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


_TEXTS = ("created", "reason", "bounce_code", "sender_ip", "raw_status", "source")


def history_event(event: StatusEvent) -> HistoryEvent:
    fields: HistoryEvent = {"at": event.at, "id": event.id, "status": event.status.value}
    for name in _TEXTS:
        if text := getattr(event, name):
            fields[name] = text  # type: ignore[literal-required]
    return fields


def made_of(**fields: Any) -> dict[str, Any]:
    """Return the *fields* that are not empty."""
    return {name: value for name, value in fields.items() if value}


def is_from_rest(event: HistoryEvent) -> bool:
    """Return whether CMC's REST API told of *event*, not a post."""
    return event.get("source") == REST


class Deciders(NamedTuple):
    """The events that decide fields: of each kind the greatest, None if there is none."""

    of_all: HistoryEvent | None = None
    bounce: HistoryEvent | None = None
    explained: HistoryEvent | None = None  # a failure with a reason
    with_sender: HistoryEvent | None = None

    def after(self, events: Iterable[HistoryEvent]) -> "Deciders":
        """Return the deciders once there are *events* too."""
        of_all, bounce, explained, with_sender = self
        for event in events:
            status = event["status"]
            of_all = _greater(of_all, event)
            if status in BOUNCE_STATUSES:
                bounce = _greater(bounce, event)
            if status in _FAILURES and event.get("reason"):
                explained = _greater(explained, event)
            if event.get("sender_ip"):
                with_sender = _greater(with_sender, event)
        return Deciders(of_all, bounce, explained, with_sender)


class History(list[HistoryEvent]):
    """The events of a document after a fold, oldest first, and what the next fold asks of them.

    The next fold then looks at none of them again, unless there are over 64. The objects of a
    long history are spread over the memory, and to look at 64 of them takes longer than all
    else. *size* is about the bytes that they take there. Nobody changes a history.
    """

    __slots__ = ("deciders", "has_rest", "ids", "size")

    ids: frozenset[str]
    deciders: Deciders
    has_rest: bool
    size: int

    @classmethod
    def of(cls, events: Iterable[HistoryEvent]) -> "History":
        """Return the history of *events*, in any order, each with another id."""
        return _EMPTY.grown(sorted(events, key=moment))

    def grown(self, new: list[HistoryEvent]) -> "History":
        """Return the history with *new* events, which are in order and have other ids."""
        history = History(self)
        history.extend(new)
        if self and new and moment(new[0]) < moment(self[-1]):
            history.sort(key=moment)
        history.ids = self.ids | {event["id"] for event in new}
        history.deciders = self.deciders.after(new)
        history.has_rest = self.has_rest or any(map(is_from_rest, new))
        reasons = [len(event.get("reason", "")) for event in new]
        history.size = self.size + _EVENT * len(new) + 2 * sum(reasons)
        return history


_EMPTY = History()
_EMPTY.ids, _EMPTY.deciders, _EMPTY.has_rest, _EMPTY.size = frozenset(), Deciders(), False, 0


def by_origin(events: list[HistoryEvent]) -> tuple[list[HistoryEvent], list[HistoryEvent]]:
    """Return the events of posts, and those of REST."""
    if isinstance(events, History) and not events.has_rest:  # nearly always
        return events, []
    of_rest = [event for event in events if is_from_rest(event)]
    return [event for event in events if not is_from_rest(event)], of_rest


def merged(
    known: Mapping[str, Any], events: Sequence[StatusEvent]
) -> tuple[History, Iterable[HistoryEvent]]:
    """Return the history of the valid document *known* after *events*, and what is new in it.

    Of a document that was read, not folded, and where an event of REST is, all is new.

    An event of REST stands only while no post told of its status or bounce code: the times
    and texts of the two may differ. Of several the greatest stands.
    """
    held = known.get("events") if known else _EMPTY
    is_read = not isinstance(held, History)
    if not isinstance(held, History):
        held = History.of(_explained(known).values())
    if held.has_rest or any(event.source for event in events):
        history = _with_rest(held, events)
        return history, history
    # A stored event keeps its time, even if another time zone is set now; of a post the first does.
    unknown = [event for event in reversed(events) if event.id not in held.ids]
    new = {event.id: history_event(event) for event in unknown}
    history = held.grown(sorted(new.values(), key=moment)) if new else held
    return history, history if is_read else new.values()


def _with_rest(held: History, events: Iterable[StatusEvent]) -> History:
    every = {event["id"]: event for event in held}
    for event in events:
        known = every.get(event.id)
        if known is None or (is_from_rest(known) and not event.source):
            every[event.id] = history_event(event)
    ordered = sorted(every.values(), key=moment)
    told_by_posts = {told(event) for event in ordered if not is_from_rest(event)}
    latest = {told(event): event["id"] for event in ordered if is_from_rest(event)}
    standing = {event_id for what, event_id in latest.items() if what not in told_by_posts}
    return History.of(e for e in ordered if not is_from_rest(e) or e["id"] in standing)


def kept(history: History) -> History:
    """Return the latest events, and before them any older one that decides something."""
    if len(history) <= HISTORY:
        return history
    posted, _ = by_origin(history)
    # The deciders are kept in addition: under one cap, those of one post could displace events that
    # the next post needs, and the result would depend on the order of posts. The latest of each
    # status also tells that an event of REST does not stand. Those that do are among them; they
    # displace none, as they may go.
    latest_told = {told(event): event for event in history}
    deciders = History.of(posted).deciders if history.has_rest else history.deciders
    stay = (*latest_told.values(), deciders.explained, deciders.with_sender)
    ids = {event["id"] for event in (*posted[-HISTORY:], *stay) if event}
    return History.of(event for event in history if event["id"] in ids)


def _greater(held: HistoryEvent | None, event: HistoryEvent) -> HistoryEvent:
    return event if held is None or _precedence(event) > _precedence(held) else held


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
