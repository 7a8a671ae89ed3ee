"""What is wrong with an entry of the quarantine: its list, the field and the value. Pure."""

import json
from typing import Any, NamedTuple

from cmc_webhook.fields import json_value
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.quarantine import text_of
from cmc_webhook.reasons import Reason
from cmc_webhook.status.events import unreadable_fields

_LONGEST_VALUE = 200
# Hundreds of entries are looked at for one view, and a record of CMC has 2 kB.
_LONGEST_PARSED = 65_536
_FIELDS = {
    Reason.MISSING_MESSAGE_ID: ("messageId",),
    Reason.MISSING_RECIPIENT: ("to", "envelopeTo"),
    Reason.UNREADABLE_CREATED: ("created",),
    Reason.FUTURE_CREATED: ("created",),
}


class Shape(NamedTuple):
    """What entries have in common: the reason, the list of the record, the unreadable fields."""

    why: str
    list_name: str
    fields: str


class Problem(NamedTuple):
    """The shape of an entry, and its unreadable value, as JSON of at most 200 characters or ""."""

    shape: Shape
    value: str


def problem(entry: Document) -> Problem:
    """Return what is wrong with *entry*, as far as its content tells."""
    why, record = entry.fields.get("why", ""), _record(entry)
    list_name = entry.fields.get("event_type", "") if entry.fields.get("kind") == "record" else ""
    fields = _unreadable(why, record) if isinstance(record, dict) else ()
    if fields:
        value: Any = next((record[name] for name in fields if name in record), None)
    else:
        value = record if why == Reason.NOT_AN_OBJECT else None
    shown = "" if value is None else json.dumps(value, ensure_ascii=False)
    cut = shown if len(shown) <= _LONGEST_VALUE else f"{shown[: _LONGEST_VALUE - 1]}…"
    return Problem(Shape(why, list_name, ", ".join(fields)), cut)


def visible(text: str) -> str:
    """Return *text* with escapes for what would hide or reverse it; new lines stay."""
    return "".join(c if c.isprintable() or c in "\n\t\u3000" else f"\\u{ord(c):04x}" for c in text)


def _record(entry: Document) -> Any:
    """Return the record of *entry*; None for a body, and for what is long or no JSON."""
    content = text_of(entry) if entry.fields.get("kind") == "record" else None
    if content is None or len(content) > _LONGEST_PARSED:
        return None
    try:
        return json_value(content)
    except (ValueError, RecursionError):
        return None


def _unreadable(why: str, record: dict[str, Any]) -> tuple[str, ...]:
    if why == Reason.UNREADABLE_FIELD:
        return tuple(unreadable_fields(record))
    if why == Reason.NOT_UTF8:
        # text_of replaces the bytes that are not.
        return tuple(name for name, value in record.items() if "\ufffd" in str(value))
    return _FIELDS.get(Reason(why), ()) if why in {*Reason} else ()
