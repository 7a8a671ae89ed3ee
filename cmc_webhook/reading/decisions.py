"""Writes a decision on an address, and what follows from it, unless somebody wrote meanwhile."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import DELETE_FIELD, CollectionReference

from cmc_webhook.reading.queries import PATIENCE
from cmc_webhook.status.addresses import address_id, changes, decide, described, fold
from cmc_webhook.status.stop_rule import Kind, Operator, counted
from cmc_webhook.text import one_line

_ATTEMPTS = 10
_LONGEST_NOTE = 1_024
# What is kept of a fact when its address is forgotten.
_OF_REFUSAL = ("at", "event", "mail", "kind", "cause", "server_composition")


def store_decision(
    collection: CollectionReference, address: str, decision: str, note: str = ""
) -> None:
    """Store allow or block for *address*, in ASCII lower case. Raises UnreadableDocumentError."""
    noted = {"note": one_line(note, _LONGEST_NOTE)} if note else {}
    operator = cast(Operator, {"decision": decision, "at": datetime.now(UTC), **noted})
    about = described(address)
    _write(collection, address, lambda held: changes(held, decide({**about, **held}, operator)))


def forget(collection: CollectionReference, address: str) -> None:
    """Delete the document, or reduce it to a refusal. Raises UnreadableDocumentError."""

    def reduced(held: dict[str, Any]) -> dict[str, Any] | None:
        kept = refusal(held)
        return dict.fromkeys(held) | kept if kept else None

    _write(collection, address, reduced)


def refusal(held: Mapping[str, Any]) -> dict[str, Any]:
    """Return of the address document *held* what must survive; empty if there is no refusal."""
    known = fold(held, ())
    decided = known.get("operator", {})
    facts = [
        {name: value for name, value in fact.items() if name in _OF_REFUSAL}
        for fact in counted(known.get("facts", []), decided)
        if fact["kind"] == Kind.UNSUBSCRIBED
    ]
    is_block = decided.get("decision") == "block"
    operator = {"decision": "block", "at": decided["at"]} if is_block else None
    return fold({"facts": facts, "operator": operator}, ())


def _write(
    collection: CollectionReference,
    address: str,
    change: Callable[[dict[str, Any]], dict[str, Any] | None],
) -> None:
    """Write what *change* makes of the fields held; None deletes a field, or the document."""
    reference = collection.document(address_id(address))
    for attempt in range(_ATTEMPTS):
        snapshot = reference.get(**PATIENCE)
        changed = change(snapshot.to_dict() or {})
        unwritten = collection._client.write_option(last_update_time=snapshot.update_time)
        try:
            if changed and snapshot.exists:
                fields = {n: DELETE_FIELD if v is None else v for n, v in changed.items()}
                reference.update(fields, option=unwritten, **PATIENCE)
            elif changed:
                reference.create(changed, **PATIENCE)
            elif changed is None and snapshot.exists:
                reference.delete(option=unwritten, **PATIENCE)
            return
        except (Aborted, AlreadyExists, FailedPrecondition, NotFound):
            if attempt == _ATTEMPTS - 1:
                raise
