"""What is kept of a record or a body that cannot become an event. Pure."""

from dataclasses import dataclass
from typing import Any

from cmc_webhook.auth import Credentials
from cmc_webhook.envelope import Envelope, json_text
from cmc_webhook.events import RawRecord
from cmc_webhook.text import clean, digest

# Firestore refuses a document over 1 MiB.
LARGEST_CONTENT = 900_000


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """A document of the quarantine, without the times that the store adds."""

    id: str
    fields: dict[str, Any]


def quarantined_record(
    record: RawRecord, why: str, envelope: Envelope, credentials: Credentials
) -> QuarantineEntry:
    """
    Return the entry of *record*, its content as JSON text.

    ``event_type`` is the list it stood in, so that an operator can wrap it again;
    of a whole event (kind ``event``) it is CMC's word. Raise MalformedEnvelope if
    the record is nested so deep that it can be read but not written.
    """
    if record.list_name is None:
        kind, event_type = "event", envelope.event_type
    else:
        kind, event_type = "record", clean(record.list_name, 1024)
    return _entry(
        kind,
        json_text(record.value).encode(),
        why,
        event_type,
        envelope.server_composition,
        credentials,
    )


def quarantined_body(body: bytes, credentials: Credentials) -> QuarantineEntry:
    """Return the entry of a body that holds no envelope."""
    return _entry("body", body, "no_envelope", "", "", credentials)


def _entry(
    kind: str,
    content: bytes,
    why: str,
    event_type: str,
    server_composition: str,
    credentials: Credentials,
) -> QuarantineEntry:
    content = credentials.redact(content)
    fields = {
        "kind": kind,
        "why": why,
        "event_type": event_type,
        "server_composition": server_composition,
        "content": _cut(content),
        "size": len(content),
        "truncated": len(content) > LARGEST_CONTENT,
    }
    # Two equal entries are one, so that a post that CMC repeats is kept once.
    entry_id = digest(server_composition, event_type, content)
    return QuarantineEntry(entry_id, {n: v for n, v in fields.items() if v not in ("", False)})


def _cut(content: bytes) -> str | bytes:
    """Return *content* as text where it is UTF-8, whole or cut between two characters."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return content[:LARGEST_CONTENT]
    return content[:LARGEST_CONTENT].decode(errors="ignore")
