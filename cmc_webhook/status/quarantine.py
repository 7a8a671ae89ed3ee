"""Entries of the quarantine: records and bodies that cannot become an event. Pure."""

from typing import Any

from cmc_webhook.fields import json_bytes
from cmc_webhook.reasons import Reason
from cmc_webhook.redaction import Redactor
from cmc_webhook.status.envelope import Envelope
from cmc_webhook.status.events import UnreadableRecord
from cmc_webhook.text import clean, digest

# Firestore refuses a document over 1 MiB.
LARGEST_CONTENT = 900_000


# The id and the fields of a document of the quarantine, without the times that the store adds.
Entry = tuple[str, dict[str, Any]]


def quarantined_record(
    unreadable: UnreadableRecord, envelope: Envelope, redactor: Redactor
) -> Entry:
    """Return the entry of a record, its content as JSON text.

    ``event_type`` is the list that it was in, so that an operator can wrap it again; of an
    event without any list (kind ``event``) it is CMC's word. Raises MalformedEnvelope if
    the record is nested too deep to be written.
    """
    record = unreadable.record
    if record.list_name is None:
        kind, event_type = "event", envelope.event_type
    else:
        kind, event_type = "record", clean(record.list_name, 1024)
    about = {
        "kind": kind,
        "why": unreadable.why.value,
        "event_type": event_type,
        "server_composition": envelope.server_composition,
    }
    return _entry(about, json_bytes(record.value), redactor)


def quarantined_body(body: bytes, redactor: Redactor) -> Entry:
    """Return the entry of a body that holds no envelope."""
    about = {"kind": "body", "why": Reason.NO_ENVELOPE.value}
    return _entry(about, body, redactor)


def _entry(about: dict[str, str], content: bytes, redactor: Redactor) -> Entry:
    content = redactor.redact(content)
    fields = {
        **about,
        "content": _cut(content),
        "size": len(content),
        "truncated": len(content) > LARGEST_CONTENT,
    }
    # The same content has the same id, so that a repeated post is kept once.
    composition, event_type = about.get("server_composition", ""), about.get("event_type", "")
    entry_id = digest(composition, event_type, content)
    return entry_id, {n: v for n, v in fields.items() if v not in ("", False)}


def _cut(content: bytes) -> str | bytes:
    """Return *content* as text if it is UTF-8, cut to LARGEST_CONTENT bytes."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return content[:LARGEST_CONTENT]
    return content[:LARGEST_CONTENT].decode(errors="ignore")
