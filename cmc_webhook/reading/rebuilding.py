"""Documents computed again: of a mail from its own history, of an address from mails. Pure."""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from cmc_webhook.status import addresses
from cmc_webhook.status.document import (
    DESCRIPTIONS,
    FIELDS,
    SCHEMA_VERSION,
    UnreadableDocumentError,
    fold,
)
from cmc_webhook.status.events import instant
from cmc_webhook.status.history import HISTORY, is_from_rest
from cmc_webhook.status.stop_rule import Fact

_TIMES = tuple(name for name in FIELDS if name.endswith("_at"))
# What is not computed from the times of events.
_KEPT = (*DESCRIPTIONS, "sender_ip", "schema_version")


class Left(StrEnum):
    """Why a document is left as it is."""

    NO_EVENT = "no_event"
    UNREADABLE = "unreadable"
    NEWER = "newer"
    LONG = "long"
    NO_CREATED = "no_created"
    UNEXPLAINED = "unexplained"
    LOST_RACE = "lost_race"
    REFUSED = "refused"


def rebuilt(held: Mapping[str, Any], zone: ZoneInfo | None = None) -> dict[str, Any] | Left:
    """Return *held* as its history gives it, local times in *zone*, or why it is left."""
    if not held.get("status") and not held.get("events"):
        return Left.NO_EVENT
    try:
        folded = fold(held, ())
    except UnreadableDocumentError:
        return Left.UNREADABLE
    if folded["schema_version"] > SCHEMA_VERSION:
        return Left.NEWER
    return _in_zone(folded, zone) if zone else folded


def _in_zone(folded: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any] | Left:
    events = folded["events"]
    if len(events) >= HISTORY:
        return Left.LONG
    try:
        # The zone of CMC's REST API may be another, and is that of `reconcile`.
        moved = [e if is_from_rest(e) else e | {"at": instant(e["created"], zone)} for e in events]
    except (KeyError, ValueError):  # a stand-in has no `created`
        return Left.NO_CREATED
    kept = {name: folded[name] for name in _KEPT if name in folded}
    # Somebody may have removed events. What they said of the times would be lost.
    explained = fold(kept | {"events": events}, ())
    if any(folded.get(name) != explained.get(name) for name in _TIMES):
        return Left.UNEXPLAINED
    return fold(kept | {"events": moved}, ())


def facts_in(mail_id: str, mail: Mapping[str, Any]) -> tuple[str, list[Fact]]:
    """Return the address of the status document *mail*, and what its history says of it."""
    try:
        folded = fold(mail, ())
    except UnreadableDocumentError:
        return "", []
    facts = (addresses.fact_of(event, mail_id, folded) for event in folded.get("events", ()))
    return folded.get("to", ""), [fact for fact in facts if fact]


def rebuilt_address(
    held: Mapping[str, Any], to: str, found: Iterable[Fact], existing: Collection[str]
) -> dict[str, Any]:
    """Return *held* with *found* for facts of *existing*. Raises UnreadableDocumentError."""
    known = addresses.fold(held, ()) | (addresses.described(to) if to else {})
    kept = [fact for fact in known.get("facts", ()) if fact["mail"] not in existing]
    return addresses.fold(known | {"facts": kept}, found)
