"""Which bounces count against an address, and when they stop mail to it. Pure.

The rule is a table. It counts whole days in Japan's time and reads no clock: a stop has an end, so
that one comparison with the time answers at any time.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple, Required

from pydantic import ConfigDict
from typing_extensions import TypedDict

from cmc_webhook.status.diagnosis import AMBIGUOUS, Diagnosis, receiver_of
from cmc_webhook.status.document import JAPAN, day_in_japan


class Kind(StrEnum):
    """What a bounce says of the address."""

    HARD = "hard"
    DOUBTFUL = "doubtful"
    SOFT = "soft"
    RECIPIENT = "recipient"
    BLOCKED = "blocked"
    UNSUBSCRIBED = "unsubscribed"


class Fact(TypedDict, total=False):
    """A bounce that says something of the address; fields that a newer version added are kept."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    at: Required[datetime]
    event: Required[str]
    mail: Required[str]
    kind: Required[str]
    cause: str
    diagnosis: str
    reason: str
    server_composition: str


class Operator(TypedDict, total=False):
    """What a person has decided about the address; only people's tools write it."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    decision: Required[Literal["allow", "block"]]
    at: Required[datetime]
    note: str


class Line(NamedTuple):
    """One line of the rule.

    Bounces of *kind* on as many different *days*, from the first to the last at most
    *within* days, stop mail for *length* days from the last one on; None: without end.
    """

    kind: Kind
    days: int
    within: int
    length: int | None


RULE = (
    Line(Kind.HARD, days=1, within=0, length=30),
    Line(Kind.HARD, days=2, within=365, length=None),
    Line(Kind.DOUBTFUL, days=2, within=365, length=90),
    Line(Kind.SOFT, days=3, within=30, length=30),
)
# The end of a stop without end.
NO_END = datetime(9999, 12, 31, tzinfo=UTC)
# The cause of a stop that a person set; the others are kinds of the rule.
OPERATOR = "operator"
STOP_CAUSES = (*dict.fromkeys(line.kind.value for line in RULE), OPERATOR)

# Of a code that is not here, such as 4 (rejected) or 6 (forward error), no fact is made.
_BY_CODE = {
    "1": Kind.DOUBTFUL,
    "2": Kind.HARD,
    "3": Kind.SOFT,
    "5": Kind.SOFT,
    "7": Kind.SOFT,
    "9": Kind.HARD,
    "10": Kind.BLOCKED,
    "11": Kind.UNSUBSCRIBED,
    "99": Kind.DOUBTFUL,
}
# The other diagnoses are about the mail or its sender, not about the address.
_BY_DIAGNOSIS = {
    Diagnosis.UNKNOWN_USER: Kind.HARD,
    Diagnosis.RECIPIENT_FILTER: Kind.RECIPIENT,
    Diagnosis.SUSPENDED: Kind.DOUBTFUL,
    Diagnosis.MAILBOX_FULL: Kind.SOFT,
    Diagnosis.RECEIVER_TROUBLE: Kind.SOFT,
}


class Stop(NamedTuple):
    """Mail stops from *since* until *until*, in UTC; *line* is None for an operator's decision."""

    cause: str
    since: datetime
    until: datetime
    line: Line | None = None


def kind_of(code: str, diagnosis: Diagnosis | None, to_domain: str) -> Kind | None:
    """Return what a bounce says of the address, None for nothing. *to_domain* is in lower case."""
    if diagnosis:
        return _BY_DIAGNOSIS.get(diagnosis)
    if code == "2" and receiver_of(to_domain) in AMBIGUOUS:
        return Kind.DOUBTFUL
    return _BY_CODE.get(code)


def counted(facts: Iterable[Fact], operator: Operator | None) -> list[Fact]:
    """Return the facts that count: an ``allow`` of the operator settles all up to its time."""
    if operator and operator["decision"] == "allow":
        return [fact for fact in facts if fact["at"] > operator["at"]]
    return list(facts)


def stop(facts: Iterable[Fact], operator: Operator | None) -> Stop | None:
    """Return the stop with the latest end; of equal ends that of the first line of the rule."""
    facts = counted(facts, operator)
    stops = [
        Stop(line.kind.value, _midnight(last), _end(last, line), line)
        for line in RULE
        for last in _last_days(line, _days(facts, line.kind))
    ]
    if operator and operator["decision"] == "block":
        stops.append(Stop(OPERATOR, operator["at"], NO_END))
    return max(stops, key=lambda each: each.until, default=None)


def unsubscribed_from(facts: Iterable[Fact], operator: Operator | None) -> list[str]:
    """Return the server compositions whose mail the recipient has unsubscribed from."""
    found = (f for f in counted(facts, operator) if f["kind"] == Kind.UNSUBSCRIBED)
    return sorted({fact.get("server_composition", "") for fact in found})


def _days(facts: Iterable[Fact], kind: Kind) -> list[date]:
    """Return the days that count, in order. A mail counts once, on the latest of its days."""
    days: dict[str, date] = {}
    for fact in facts:
        if fact["kind"] == kind:
            day = day_in_japan(fact["at"])
            days[fact["mail"]] = max(day, days.get(fact["mail"], day))
    return sorted(set(days.values()))


def _last_days(line: Line, days: list[date]) -> list[date]:
    """Return each of *days* on which *line* is fulfilled."""
    within = timedelta(days=line.within)
    pairs = zip(days, days[line.days - 1 :], strict=False)
    return [last for first, last in pairs if last - first <= within]


def _end(last: date, line: Line) -> datetime:
    return NO_END if line.length is None else _midnight(last + timedelta(days=line.length))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), JAPAN).astimezone(UTC)
