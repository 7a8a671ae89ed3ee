"""Builds the document of a mail, and the objects in Cloud Storage that it refers to. Pure."""

import hashlib
import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from cmc_webhook.inbound.charsets import decode, decode_or_none
from cmc_webhook.inbound.headers import (
    ADDRESS_BYTES,
    addresses,
    auto_submitted,
    date,
    decode_words,
    file_name,
    message_id,
    message_ids,
    parse_headers,
)
from cmc_webhook.inbound.mail import Attachment, Contents, Mail, Text
from cmc_webhook.text import clean, digest, mail_id

SCHEMA_VERSION = 1
# Firestore refuses a document over 1 MiB, including its name and the names of its fields.
_LARGEST_DOCUMENT = 1_000_000
# A longer body fits in no document, whatever its charset: it is not decoded.
_LONGEST_DECODED = 4 * _LARGEST_DOCUMENT
_SHORT_BYTES = 1_024
_MOST_RECIPIENTS = 500
_ORIGINALS = ("message/rfc822", "text/rfc822-headers")


@dataclass(frozen=True, slots=True)
class MailDocument:
    """The document of one mail; *objects* (content by name) must be stored before it."""

    id: str
    bucket: str
    fields: dict[str, Any] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)

    def add_object(self, content: bytes) -> str:
        """Add *content* to the objects and return its gs:// address."""
        # Under the id of the mail: no object is shared, so one mail can be deleted on its own.
        name = f"{self.id}/{_sha256(content)}"
        self.objects[name] = content
        return f"gs://{self.bucket}/{name}"


def mail_document(mail: Mail, bucket: str) -> MailDocument:
    """Return the document of *mail*, whose objects go to *bucket*. Empty fields are left out."""
    document = MailDocument(_id(mail), bucket)
    contents, header = mail.contents, mail.contents.headers
    found: dict[str, Any] = {
        "provider": mail.provider,
        "envelope_from": clean(mail.envelope_from, ADDRESS_BYTES),
        "envelope_to": [clean(to, ADDRESS_BYTES) for to in mail.envelope_to[:_MOST_RECIPIENTS]],
        **_people(mail),
        "subject": _subject(mail),
        "date": date(header),
        "message_id": message_id(header),
        **_thread(contents),
        "auto_submitted": auto_submitted(header),
        **_extras(mail),
        "attachments": [_attachment(file, document) for file in contents.attachments],
        "headers": [_header(name, value) for name, value in header.items],
        **_body("text", contents.text, document),
        **_body("html", contents.html, document),
        "raw_stored_at": document.add_object(contents.raw) if contents.raw is not None else "",
        "schema_version": SCHEMA_VERSION,
    }
    document.fields.update(
        (name, value) for name, value in found.items() if value not in ("", [], None)
    )
    _make_room(document, contents)
    return document


def _id(mail: Mail) -> str:
    """
    Return the id, which depends on message id, envelope and contents: the same for a repeat.

    Contents count because anybody can send another mail with the same message id. Without
    a message id, the header counts instead.
    """
    contents = mail.contents
    items = [f"{name}:{value}" for name, value in contents.headers.items]
    identity = message_id(contents.headers) or digest(
        *(clean(item, len(item) * 4) for item in items)
    )
    envelope = [clean(place, ADDRESS_BYTES) for place in (mail.envelope_from, *mail.envelope_to)]
    bodies = [body.content if body else b"" for body in (contents.text, contents.html)]
    return mail_id(
        identity, identity, *envelope, *bodies, *(_sha256(f.content) for f in contents.attachments)
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _people(mail: Mail) -> dict[str, Any]:
    """Return the addresses in the header, or those from the provider if a field is missing."""
    header = mail.contents.headers
    found = {
        name: addresses(header.values(name) or [mail.extras.get(name, "")])
        for name in ("from", "to", "cc")
    }
    sender = found.pop("from")
    return {
        "from": sender[0] if sender else None,
        **found,
        "reply_to": addresses(header.values("reply-to")),
    }


def _subject(mail: Mail) -> str:
    value = mail.contents.headers.first("subject") or mail.extras.get("subject", "")
    return clean(decode_words(value), 4 * _SHORT_BYTES)


def _thread(contents: Contents) -> dict[str, Any]:
    header = contents.headers
    in_reply_to = message_ids(header.first("in-reply-to"))
    references = message_ids(header.first("references"))
    # A bounce names the mail only in the copy of its header that is attached.
    originals = [f.content for f in contents.attachments if f.content_type.lower() in _ORIGINALS]
    attached = [message_id(parse_headers(original)) for original in originals]
    answered = [*in_reply_to[:1], *references[-1:], *filter(None, attached)]
    return {
        "in_reply_to": next(iter(in_reply_to), ""),
        "references": references,
        "status_of": next(iter(answered), ""),
    }


def _extras(mail: Mail) -> dict[str, Any]:
    names = ("spf", "dkim", "sender_ip", "filter", "server_composition")
    texts = {name: clean(mail.extras.get(name, ""), _SHORT_BYTES) for name in names}
    announced = mail.extras["attachments"]
    count = int(announced) if re.fullmatch("[0-9]{1,6}", announced) else 0
    missing = count - len(mail.contents.attachments)
    return {
        **texts,
        "spam_score": _number(mail.extras.get("spam_score", "")),
        "attachments_missing": missing if missing > 0 else None,
    }


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _header(name: str, value: str) -> dict[str, str]:
    return {"name": clean(name, _SHORT_BYTES), "value": clean(value, len(value) * 4)}


def _attachment(file: Attachment, document: MailDocument) -> dict[str, Any]:
    stored_at = document.add_object(file.content)
    texts = {
        "file_name": file_name(file.file_name),
        "content_type": clean(file.content_type, 256),
        "content_id": clean(file.content_id, 256),
    }
    return {
        **{name: value for name, value in texts.items() if value},
        "size": len(file.content),
        "sha256": stored_at.rpartition("/")[2],
        "stored_at": stored_at,
    }


def _body(name: str, body: Text | None, document: MailDocument) -> dict[str, str]:
    if body is None:
        return {}
    long = len(body.content) > _LONGEST_DECODED
    text = None if long else decode_or_none(body.content, body.charset)
    if text is not None:
        return {name: clean(text, len(body.content) * 4)}
    # No charset fits: the text is what can be read of it, so the bytes are stored too.
    readable = "" if long else clean(decode(body.content), len(body.content) * 4)
    return {name: readable, **_stored(name, body, document)}


def _stored(name: str, body: Text, document: MailDocument) -> dict[str, str]:
    """Store the bytes of a body, and return their address and declared charset."""
    charset = clean(body.charset, 256)
    return {f"{name}_stored_at": document.add_object(body.content), f"{name}_charset": charset}


def _make_room(document: MailDocument, contents: Contents) -> None:
    """Move text, HTML or headers, the largest first, to the bucket until the document fits."""
    fields = document.fields
    headers = Text(json.dumps(fields.get("headers")).encode())
    long = {"text": contents.text, "html": contents.html, "headers": headers}
    sizes = {name: _size(value) for name, value in fields.items()}
    for name in sorted(sizes.keys() & long, key=lambda name: -sizes[name]):
        body = long[name]
        if body is None or sum(sizes.values()) <= _LARGEST_DOCUMENT:
            return
        del fields[name]
        fields.update(_stored(name, body, document))
        sizes[name] = _SHORT_BYTES


def _size(value: Any) -> int:
    """Return at least the size that Firestore counts (https://cloud.google.com/firestore/docs/storage-size)."""
    if isinstance(value, str):
        return len(value.encode()) + 1
    if isinstance(value, list):
        return sum(map(_size, value))
    if isinstance(value, dict):
        return 32 + sum(_size(name) + _size(item) for name, item in value.items())
    return 8
