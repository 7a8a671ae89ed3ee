"""Builds the document of a mail, and the objects in Cloud Storage that it refers to. Pure.

A field that cannot be read costs that field, never the mail: `_Fields` leaves it out and names it.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cmc_webhook.inbound import headers
from cmc_webhook.inbound.charsets import decode, text_of
from cmc_webhook.inbound.encoded_words import decode_words
from cmc_webhook.inbound.headers import auto_submitted, message_id, message_ids, split_head
from cmc_webhook.inbound.mail import Attachment, Contents, Mail, Text
from cmc_webhook.inbound.mailboxes import ADDRESS_BYTES, addresses, sender
from cmc_webhook.text import clean, digest, mail_id, one_line

SCHEMA_VERSION = 1
# Firestore refuses a document over 1 MiB, including its name and the names of its fields.
_LARGEST_DOCUMENT = 1_000_000
# A longer body fits in no document, whatever its charset: it is not decoded.
_LONGEST_DECODED = 4 * _LARGEST_DOCUMENT
_SHORT_BYTES = 1_024
_MOST_RECIPIENTS = 500
# Types of an attached copy of a mail, or of its header.
_ORIGINALS = re.compile("message/(rfc822|global)(-headers)?|text/rfc822-headers", re.I)
# The line of a copy that a bounce has in its own text, perhaps quoted.
_MESSAGE_ID_LINE = re.compile(r"^[>|\s]{0,8}Message-ID:\s*(<[^<>\s]{1,998}>)", re.I | re.M)
_BOUNCING = {"mailer-daemon", "postmaster"}


@dataclass(frozen=True, slots=True)
class MailDocument:
    """The document of one mail; *objects* (content by name) must be stored before it."""

    id: str
    bucket: str
    fields: dict[str, Any]
    objects: dict[str, bytes] = field(default_factory=dict)

    def add_object(self, content: bytes) -> str:
        """Add *content* to the objects and return its gs:// address."""
        # Under the id of the mail: no object is shared, so one mail can be deleted on its own.
        name = f"{self.id}/{_sha256(content)}"
        self.objects[name] = content
        return f"gs://{self.bucket}/{name}"


class _Fields:
    """Fields of a document. What is empty is left out, what fails is named in *unreadable*."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.unreadable: list[str] = []

    def add(self, name: str, read: Callable[[], Any]) -> None:
        """Add what *read* returns; a dict of fields if *name* begins with ``*``."""
        try:
            found = read()
        except Exception:  # an error of this program; the other fields are worth having
            self.unreadable.append(name.removeprefix("*"))
            return
        for key, value in (found if name.startswith("*") else {name: found}).items():
            if value not in ("", [], None):
                self.values[key] = value


def mail_document(mail: Mail, bucket: str) -> MailDocument:
    """Return the document of *mail*, whose objects go to *bucket*. Empty fields are left out."""
    fields = _Fields()
    document = MailDocument(_id(mail), bucket, fields.values)
    contents, header, extras = mail.contents, mail.contents.headers, mail.extras

    def people(name: str, read: Callable[[Sequence[str]], Any]) -> None:
        # From the provider if the header lacks the field.
        fields.add(name, lambda: read(header.values(name) or [extras.get(name, "")]))

    fields.add("provider", lambda: mail.provider)
    fields.add("envelope_from", lambda: one_line(mail.envelope_from, ADDRESS_BYTES))
    fields.add("envelope_to", lambda: _recipients(mail))
    people("from", sender)
    people("to", addresses)
    people("cc", addresses)
    fields.add("reply_to", lambda: addresses(header.values("reply-to")))
    fields.add("subject", lambda: _subject(mail))
    fields.add("date", lambda: headers.date(header))
    fields.add("message_id", lambda: message_id(header))
    fields.add("in_reply_to", lambda: next(iter(message_ids(header.first("in-reply-to"))), ""))
    fields.add("references", lambda: message_ids(header.first("references")))
    fields.add("status_of", lambda: _status_of(mail))
    fields.add("auto_submitted", lambda: auto_submitted(header))
    for name in ("spf", "dkim", "sender_ip", "filter", "server_composition"):
        fields.add(name, partial(one_line, extras.get(name, ""), _SHORT_BYTES))
    fields.add("spam_score", lambda: _number(extras.get("spam_score", "")))
    fields.add("attachments_missing", lambda: _missing(mail))
    attachments = [_attachment(file, document, fields) for file in contents.attachments]
    fields.add("attachments", lambda: attachments)
    fields.add("headers", lambda: [_header(name, value) for name, value in header.items])
    _add_body("text", contents.text, document, fields)
    _add_body("html", contents.html, document, fields)
    if (raw := contents.raw) is not None:
        fields.add("raw_stored_at", lambda: document.add_object(raw))
    fields.add("schema_version", lambda: SCHEMA_VERSION)
    fields.add("unreadable_fields", lambda: fields.unreadable)
    _make_room(document, contents)
    return document


def _id(mail: Mail) -> str:
    """Return the id, which is the same for a repeat."""
    # Contents count because anybody can send another mail with the same message id.
    contents = mail.contents
    items = [f"{name}:{value}" for name, value in contents.headers.items]
    identity = message_id(contents.headers) or digest(
        *(clean(item, len(item) * 4) for item in items)
    )
    envelope = [clean(place, ADDRESS_BYTES) for place in (mail.envelope_from, *mail.envelope_to)]
    bodies = [b"\n".join(t.content for t in body) for body in (contents.text, contents.html)]
    return mail_id(
        identity, identity, *envelope, *bodies, *(_sha256(f.content) for f in contents.attachments)
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _recipients(mail: Mail) -> list[str]:
    return [one_line(to, ADDRESS_BYTES) for to in mail.envelope_to[:_MOST_RECIPIENTS]]


def _subject(mail: Mail) -> str:
    value = mail.contents.headers.first("subject") or mail.extras.get("subject", "")
    return one_line(decode_words(value), 4 * _SHORT_BYTES)


def _status_of(mail: Mail) -> str:
    """Return the message id of the mail that this one answers or reports on."""
    contents, header = mail.contents, mail.contents.headers
    answered = message_ids(header.first("in-reply-to"))[:1]
    answered += message_ids(header.first("references"))[-1:]
    for file in contents.attachments:
        if _ORIGINALS.fullmatch(file.content_type.partition(";")[0].strip()):
            # Some programs write a blank line before the header.
            blank = 8 - len(file.content[:8].ljust(8).lstrip(b"\r\n"))
            answered.append(message_id(split_head(memoryview(file.content)[blank:])[0]))
    if not any(answered) and _is_bounce(mail):
        # Old programs put a copy of the mail's header into the text.
        texts = (text_of(part.content[:_LONGEST_DECODED], part.charset) for part in contents.text)
        answered += [found[1] for found in map(_MESSAGE_ID_LINE.search, texts) if found]
    return next(filter(None, answered), "")


def _is_bounce(mail: Mail) -> bool:
    found = sender(mail.contents.headers.values("from")) or {}
    local_part = found.get("address", found.get("name", "")).partition("@")[0]
    return auto_submitted(mail.contents.headers) == "bounce" or local_part.lower() in _BOUNCING


def _missing(mail: Mail) -> int | None:
    """Return how many of the announced attachments did not come, None if all did."""
    announced = mail.extras["attachments"]
    count = int(announced) if re.fullmatch("[0-9]{1,6}", announced) else 0
    missing = count - len(mail.contents.attachments)
    return missing if missing > 0 else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _header(name: str, value: str) -> dict[str, str]:
    return {"name": clean(name, _SHORT_BYTES), "value": clean(value, len(value) * 4)}


def _attachment(file: Attachment, document: MailDocument, mail: _Fields) -> dict[str, Any]:
    stored_at = document.add_object(file.content)
    fields = _Fields()
    fields.add("file_name", lambda: headers.readable_file_name(file.file_name))
    fields.add("content_type", lambda: one_line(file.content_type, 256))
    fields.add("content_id", lambda: one_line(file.content_id, 256))
    mail.unreadable += [f"attachments.{name}" for name in fields.unreadable]
    return {
        **fields.values,
        "size": len(file.content),
        "sha256": stored_at.rpartition("/")[2],
        "stored_at": stored_at,
    }


def _add_body(name: str, texts: list[Text], document: MailDocument, fields: _Fields) -> None:
    if not texts:
        return
    fields.add(f"*{name}", lambda: _body(name, texts, document))
    if name in fields.unreadable:
        fields.add(f"*{name}_stored_at", lambda: _stored(name, _whole(texts), document))


def _body(name: str, texts: list[Text], document: MailDocument) -> dict[str, str]:
    whole = _whole(texts)
    if len(whole.content) > _LONGEST_DECODED:
        return _stored(name, whole, document)
    parts = [decode(t.content, t.charset, html=name == "html") for t in texts]
    text = "\n".join(part.text.removesuffix("\n") for part in parts[:-1] if part.text)
    text = "\n".join(filter(None, (text, parts[-1].text)))
    found = {name: clean(text, len(whole.content) * 4)}
    if guessed := [part.charset for part in parts if not part.certain]:
        # Whoever knows better finds the bytes.
        found |= {f"{name}_guessed_charset": guessed[0], **_stored(name, whole, document)}
    return found


def _whole(texts: list[Text]) -> Text:
    """Return the bytes of a body, in UTF-8 if it consists of texts in several charsets."""
    charsets = {text.charset.lower() for text in texts}
    if len(charsets) == 1:
        return Text(b"\n".join(text.content for text in texts), texts[0].charset)
    # The bytes as they came are in the raw mail: no provider posts several texts.
    decoded = (text_of(text.content, text.charset).encode(errors="replace") for text in texts)
    return Text(b"\n".join(decoded), "utf-8")


def _stored(name: str, body: Text, document: MailDocument) -> dict[str, str]:
    charset = one_line(body.charset, 256)
    stored = {f"{name}_stored_at": document.add_object(body.content)}
    return stored | {f"{name}_charset": charset} if charset else stored


def _make_room(document: MailDocument, contents: Contents) -> None:
    """Move text, HTML or headers, the largest first, to the bucket until the document fits."""
    fields = document.fields
    long = {"text": contents.text, "html": contents.html, "headers": []}
    sizes = {name: _size(value) for name, value in fields.items()}
    for name in sorted(sizes.keys() & long, key=lambda name: -sizes[name]):
        if sum(sizes.values()) <= _LARGEST_DOCUMENT:
            return
        value = fields.pop(name)
        body = _whole(long[name]) if long[name] else Text(json.dumps(value).encode(), "utf-8")
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
