"""Documents with every kind of value in every field, as other writers and imports leave them."""

import functools
import math
import uuid
from datetime import UTC, datetime

from google.cloud import firestore
from google.cloud.firestore_v1.vector import Vector

NOW = datetime.now(UTC).replace(microsecond=0)
# All begin with it, so that one `show` shows all.
PREFIX = "0dd0-"
ODD = {
    "text": "x",
    "number": 5,
    "boolean": True,
    "null": None,
    "list": [1, None, {}],
    "texts": ["a", "b"],
    "maps": [{}, {"at": "x"}, {"at": NOW, "id": 1, "status": "queued"}, None],
    "map": {"z": 1, "a": {"b": NOW}},
    "empty list": [],
    "empty map": {},
    "year 1": datetime(1, 1, 1, tzinfo=UTC),
    "year 9999": datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    "date as text": "2025-01-25T00:00:00Z",
    "not a number": math.nan,
    "infinity": -math.inf,
    "bytes": b"\xff\x00",
    "place": firestore.GeoPoint(35.6, 139.7),
    "vector": Vector([1.0, 2.0]),
}
MAIL = {
    "status": "bounced",
    "status_at": NOW,
    "message_id": "<odd@example.com>",
    "to": "user@example.jp",
    "to_domain": "example.jp",
    "server_composition": "pro",
    "from": "sender@example.com",
    "return_path": "return@example.com",
    "subject": "Subject",
    "api_data": "order",
    "source_ip": "192.0.2.1",
    "sender_ip": "192.0.2.2",
    "reason": "550 unknown",
    "bounce_code": "2",
    "bounce_cause": "unknown_user",
    "bounce_class": "hard",
    "queued_at": NOW,
    "deferred_at": NOW,
    "succeeded_at": NOW,
    "failed_at": NOW,
    "bounced_at": NOW,
    "suppressed_at": NOW,
    "diagnosis": "unknown_user",
    "outcome": "succeeded",
    "late_bounce": True,
    "first_event_at": NOW,
    "queued_on": "2025-01-25",
    "events": [{"at": NOW, "id": "a", "status": "bounced", "bounce_code": "2", "reason": "550"}],
    "first_received_at": NOW,
    "last_received_at": NOW,
    "expires_at": NOW,
    "schema_version": 2,
}
ENTRY = {
    "kind": "record",
    "why": "missing_recipient",
    "event_type": "deliveries",
    "server_composition": "pro",
    "content": '{"messageId": "<odd@example.com>"}',
    "size": 34,
    "truncated": False,
    "received_at": NOW,
    "expires_at": NOW,
}
RECEIVED_ENTRY = {
    "kind": "body",
    "why": "not_a_mail",
    "size": 34,
    "stored_at": "gs://bucket/quarantine/0",
    "received_at": NOW,
    "expires_at": NOW,
}
RECEIVED = {
    "provider": "cmc",
    "envelope_from": "sender@example.org",
    "envelope_to": ["user@example.jp"],
    "from": {"name": "Sender", "address": "sender@example.org"},
    "to": [{"address": "user@example.jp"}],
    "cc": [{"address": "cc@example.jp", "name": "Copy"}],
    "reply_to": [{"address": "reply@example.org"}],
    "subject": "Subject",
    "date": NOW,
    "message_id": "<odd@example.com>",
    "in_reply_to": "<a@example.com>",
    "references": ["<a@example.com>"],
    "status_of": "<a@example.com>",
    "auto_submitted": "auto-replied",
    "spf": "pass",
    "dkim": "pass",
    "sender_ip": "192.0.2.2",
    "filter": "user@example.jp",
    "server_composition": "pro",
    "spam_score": 0.5,
    "attachments": [{"file_name": "a.txt", "size": 3, "stored_at": "gs://b/m/0"}],
    "attachments_missing": 1,
    "headers": [{"name": "Subject", "value": "Subject"}],
    "text": "Text",
    "text_stored_at": "gs://b/m/0",
    "text_charset": "utf-8",
    "text_guessed_charset": "utf-8",
    "html": "<p>HTML</p>",
    "html_stored_at": "gs://b/m/0",
    "html_charset": "utf-8",
    "html_guessed_charset": "utf-8",
    "headers_stored_at": "gs://b/m/0",
    "headers_charset": "utf-8",
    "raw_stored_at": "gs://b/m/0",
    "schema_version": 1,
    "unreadable_fields": ["subject"],
    "received_at": NOW,
    "expires_at": NOW,
}


def odd_documents(sound, client):
    """
    Return documents by id: *sound*, and for each field one with each odd value and one without.

    Each also has an odd value in a field of another writer, and that writer's field ``id``.
    """
    elsewhere = firestore.Client(project="elsewhere").document("other/document")
    kinds = {**ODD, "reference": client.document("other/document"), "foreign": elsewhere}
    foreign = [*kinds.values()]
    found = {f"{PREFIX}sound": sound}
    for number, name in enumerate(sound):
        for kind, value in kinds.items():
            found[f"{PREFIX}{number}-{name}-{kind}"] = sound | {name: value}
        found[f"{PREFIX}{number}-{name}-missing"] = {n: v for n, v in sound.items() if n != name}
    return {
        key: fields | {"id": "theirs", "theirs": foreign[number % len(foreign)]}
        for number, (key, fields) in enumerate(found.items())
    }


def store(client, collection, documents):
    """Store *documents* in *collection*, a few hundred at once."""
    batch = client.batch()
    for number, (name, fields) in enumerate(documents.items(), 1):
        batch.set(client.collection(collection).document(name), fields)
        if number % 400 == 0:
            batch.commit()
            batch = client.batch()
    batch.commit()


@functools.cache
def odd_project():
    """
    Return a client of a project full of odd documents, and the documents by their collection.

    It is filled once, as that takes seconds: tests must only read it.
    """
    client = firestore.Client(project=f"test-odd-{uuid.uuid4().hex[:12]}")
    sound = {
        "mail_statuses": MAIL,
        "mail_statuses_quarantine": ENTRY,
        "inbound_mails": RECEIVED,
        "inbound_mails_quarantine": RECEIVED_ENTRY,
    }
    documents = {name: odd_documents(fields, client) for name, fields in sound.items()}
    for name, found in documents.items():
        store(client, name, found)
    return client, documents
