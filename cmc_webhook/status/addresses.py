"""The document of a mail address: the bounces that count against it, and whether to mail it. Pure.

Like a status document it is a function of the set of events that it has seen, and of what an
operator decided.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from cmc_webhook.status.diagnosis import diagnose
from cmc_webhook.status.document import UnreadableDocumentError, day_in_japan, without_nulls
from cmc_webhook.status.events import (
    BOUNCE_CODES,
    UNKNOWN_BOUNCE_CODE,
)
from cmc_webhook.status.history import BOUNCE_STATUSES, STAND_INS, HistoryEvent, made_of
from cmc_webhook.status.stop_rule import Fact, Kind, Operator, kind_of, stop, unsubscribed_from
from cmc_webhook.text import ascii_lower, cut_in_the_middle, domain_of

# Of each kind, a document keeps the latest fact of this many latest days.
DAYS = 4
# Mail of these server compositions is for trying.
IGNORED_COMPOSITIONS = ("simulator", "check")
_MOST_REASON = 512


class AddressDocument(TypedDict, total=False):
    """What is stored about one mail address."""

    to: str
    to_domain: str
    facts: list[Fact]
    unsubscribed_from: list[str]
    stop_until: datetime
    stop_cause: str
    operator: Operator


FIELDS = tuple(AddressDocument.__annotations__)
_HELD = TypeAdapter(AddressDocument)


def address_id(address: str) -> str:
    """Return the id of the document of *address*: SHA-256, A to Z in lower case, 32 hex digits.

    >>> address_id("User@example.jp")
    '72c7d01963513283884d192b33db2cf1'
    """
    return hashlib.sha256(ascii_lower(address).encode()).hexdigest()[:32]


def described(address: str) -> dict[str, Any]:
    """Return the fields of a document of *address* about which nothing is known yet."""
    to = ascii_lower(address)
    return made_of(to=to, to_domain=domain_of(to))


def fact_of(event: HistoryEvent, mail: str, about: Mapping[str, Any]) -> Fact | None:
    """Return what *event* says of the address of a mail, None for nothing.

    *mail* is the id of the status document, *about* has its ``to_domain`` and
    ``server_composition``. Only bounces say something, each by itself.
    """
    composition = about.get("server_composition", "")
    if event["status"] not in BOUNCE_STATUSES or event["id"] in STAND_INS:
        return None
    code, reason = event.get("bounce_code", ""), event.get("reason", "")
    diagnosis = diagnose(code, reason, about.get("to_domain", ""))
    kind = kind_of(code, diagnosis, about.get("to_domain", ""))
    if kind is None or composition in IGNORED_COMPOSITIONS:
        return None
    cause, _ = BOUNCE_CODES.get(code, UNKNOWN_BOUNCE_CODE)
    return made_of(  # type: ignore[return-value]
        at=event["at"],
        event=event["id"],
        mail=mail,
        kind=kind.value,
        cause=cause,
        diagnosis=diagnosis and diagnosis.value,
        reason=cut_in_the_middle(reason, _MOST_REASON),
        server_composition=composition,
    )


def fold(held: Mapping[str, Any], facts: Iterable[Fact]) -> dict[str, Any]:
    """Return the fields of the document *held* that follow from its facts and *facts*.

    The result depends only on the set of all facts ever folded in, and on the operator's
    decision. Of a new address *held* is described(address). Raises
    UnreadableDocumentError.
    """
    known = valid(held)
    # A held fact keeps its kind, even if a newer version judges the same event otherwise.
    found = {(fact["event"], fact["mail"]): fact for fact in [*facts, *known.get("facts", [])]}
    return _document(known, _kept(found.values()))


def decide(held: Mapping[str, Any], operator: Operator | None) -> dict[str, Any]:
    """Return the fields once *operator* decides; None takes that back. Raises as fold() does."""
    decided = {name: value for name, value in held.items() if name != "operator"}
    return fold(decided | ({"operator": operator} if operator else {}), ())


def changes(held: Mapping[str, Any], folded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields in which *folded* differs from *held*; None for one to delete."""
    return {name: folded.get(name) for name in FIELDS if held.get(name) != folded.get(name)}


def valid(held: Mapping[str, Any]) -> AddressDocument:
    """Do as document.valid() of the document of an address."""
    try:
        return _HELD.validate_python(without_nulls(held), strict=True)
    except ValidationError:
        raise UnreadableDocumentError from None  # pydantic's text would quote the document


def _document(known: AddressDocument, facts: list[Fact]) -> dict[str, Any]:
    operator = known.get("operator")
    stopped = stop(facts, operator)
    return made_of(
        to=known.get("to"),
        to_domain=known.get("to_domain"),
        facts=facts,
        unsubscribed_from=unsubscribed_from(facts, operator),
        stop_until=stopped and stopped.until,
        stop_cause=stopped and stopped.cause,
        operator=operator,
    )


def _kept(facts: Iterable[Fact]) -> list[Fact]:
    """Return the facts to keep, oldest first.

    Of each kind the latest fact of each of the latest days. An unsubscription never goes,
    so the latest of each server composition is kept besides.
    """
    latest: dict[str, dict[Any, Fact]] = {}
    for fact in sorted(facts, key=_moment):
        is_refusal = fact["kind"] == Kind.UNSUBSCRIBED
        slot = fact.get("server_composition", "") if is_refusal else day_in_japan(fact["at"])
        latest.setdefault(fact["kind"], {})[slot] = fact
    refusals = latest.pop(Kind.UNSUBSCRIBED, {})
    by_day = [fact for days in latest.values() for fact in [*days.values()][-DAYS:]]
    return sorted([*by_day, *refusals.values()], key=_moment)


def _moment(fact: Fact) -> tuple[datetime, str, str]:
    return fact["at"], fact["event"], fact["mail"]
