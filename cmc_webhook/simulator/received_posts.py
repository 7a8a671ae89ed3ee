"""Received mails to the bytes in which CMC and SendGrid post them. Pure."""

import base64
import json
from collections.abc import Iterator
from email.utils import format_datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cmc_webhook.simulator.lives import COMPOSITION
from cmc_webhook.simulator.posting import JSON
from cmc_webhook.simulator.received import CODECS, Form, Person, ReceivedMail

_ZONE = ZoneInfo("Asia/Tokyo")
_SENDER_IP = "192.0.2.25"
_CMC_BOUNDARY, _SENDGRID_BOUNDARY = "----CMCSimulator7MA4YWxk", "xYzZY"
# Characters of an encoded word, which has at most 75 bytes (RFC 2047, 2).
_WORD = 12


class _Part(NamedTuple):
    """A part of multipart; *file_name* is empty for a field."""

    name: str
    content: bytes
    file_name: str = ""
    content_type: str = ""


def received_post(mail: ReceivedMail, api_key: str) -> tuple[bytes, str]:
    """Return the body of the post and its content type; only CMC puts a key into it."""
    if mail.form is Form.CMC_JSON:
        fields = dict(_cmc_fields(mail, api_key))
        headers = [{"name": name, "value": value} for name, value in _one_line_headers(mail)]
        return json.dumps(fields | {"headers": headers}, ensure_ascii=False).encode(), JSON
    if mail.form is Form.CMC_MULTIPART:
        return _multipart([*_cmc_parts(mail, api_key)], _CMC_BOUNDARY)
    return _multipart([*_sendgrid_parts(mail)], _SENDGRID_BOUNDARY)


def _cmc_fields(mail: ReceivedMail, api_key: str) -> Iterator[tuple[str, str]]:
    if api_key:
        yield "api_key", api_key
    yield "filter", mail.recipient.address
    yield "server_composition", COMPOSITION
    yield "subject", mail.subject
    yield "envelope-from", mail.sender.address
    yield "envelope-to", mail.recipient.address
    yield "text", mail.text
    if mail.html:
        yield "html", mail.html


def _cmc_parts(mail: ReceivedMail, api_key: str) -> Iterator[_Part]:
    for name, value in _cmc_fields(mail, api_key):
        yield _Part(name, value.encode())
    headers = [{"name": name, "value": value} for name, value in _one_line_headers(mail)]
    escaped = json.dumps(headers).replace("<", r"\u003C").replace(">", r"\u003E")
    yield _Part("headers", escaped.encode())
    yield _Part("attachments", str(len(mail.files)).encode())
    for number, file in enumerate(mail.files, 1):
        # Published examples have names both ways.
        name = _words(file.name, "UTF-8") if number == 1 else file.name
        yield _Part(f"attachment{number}", file.content, name, file.content_type)


def _sendgrid_parts(mail: ReceivedMail) -> Iterator[_Part]:
    header = "".join(f"{name}: {value}\n" for name, value in _headers(mail))
    texts = {"text": mail.text} | ({"html": mail.html} if mail.html else {})
    envelope = {"to": [mail.recipient.address], "from": mail.sender.address}
    charsets = {"to": "UTF-8", "from": "UTF-8", "subject": "UTF-8"}
    charsets |= dict.fromkeys(texts, mail.charset.lower())
    fields = {
        "headers": header,
        "dkim": f"{{@{mail.sender.address.partition('@')[2]} : pass}}",
        "to": _readable(mail.recipient),
        "from": _readable(mail.sender),
        "subject": mail.subject,
        "sender_ip": _SENDER_IP,
        "SPF": "pass",
        "envelope": json.dumps(envelope),
        "charsets": json.dumps(charsets),
        "attachments": str(len(mail.files)),
    }
    if mail.files:
        details = {
            f"attachment{number}": {"filename": f.name, "name": f.name, "type": f.content_type}
            for number, f in enumerate(mail.files, 1)
        }
        fields["attachment-info"] = json.dumps(details, ensure_ascii=False)
    for name, value in fields.items():
        yield _Part(name, value.encode())
    for name, value in texts.items():
        yield _Part(name, value.encode(CODECS[mail.charset]))
    for number, file in enumerate(mail.files, 1):
        yield _Part(f"attachment{number}", file.content, file.name, file.content_type)


def _headers(mail: ReceivedMail) -> Iterator[tuple[str, str]]:
    """Yield the header of the mail as it came, long values folded."""
    at = format_datetime(mail.written_at.astimezone(_ZONE))
    yield "Return-Path", f"<{mail.sender.address}>"
    yield "Received", f"from mail.example.org ([{_SENDER_IP}])\n by mx.inbound.example.com; {at}"
    yield "From", _encoded(mail.sender, mail.charset)
    yield "To", _encoded(mail.recipient, mail.charset)
    if mail.subject:
        yield "Subject", _words(mail.subject, mail.charset)
    yield "Date", at
    yield "Message-ID", mail.message_id
    if mail.in_reply_to:
        yield "In-Reply-To", mail.in_reply_to
        yield "References", mail.in_reply_to
    yield "MIME-Version", "1.0"
    kind = "multipart/mixed; boundary=mixed" if mail.files else "text/plain"
    yield "Content-Type", kind if mail.files else f"{kind}; charset={mail.charset}"


def _one_line_headers(mail: ReceivedMail) -> list[tuple[str, str]]:
    return [(name, value.replace("\n ", " ")) for name, value in _headers(mail)]


def _encoded(person: Person, charset: str) -> str:
    name = _words(person.name, charset)
    return f"{name} <{person.address}>" if name else person.address


def _readable(person: Person) -> str:
    return f"{person.name} <{person.address}>" if person.name else person.address


def _words(text: str, charset: str) -> str:
    """Return *text* as it stands in a header: encoded words of RFC 2047, a line each."""
    if text.isascii():
        return text
    pieces = (text[start : start + _WORD] for start in range(0, len(text), _WORD))
    encoded = (base64.b64encode(piece.encode(CODECS[charset])).decode() for piece in pieces)
    return "\n ".join(f"=?{charset}?B?{word}?=" for word in encoded)


def _multipart(parts: list[_Part], boundary: str) -> tuple[bytes, str]:
    delimiter = f"--{boundary}".encode()
    body = b"".join(b"%b\r\n%b\r\n" % (delimiter, _bytes(part)) for part in parts)
    return body + delimiter + b"--\r\n", f"multipart/form-data; boundary={boundary}"


def _bytes(part: _Part) -> bytes:
    head = f'Content-Disposition: form-data; name="{part.name}"'
    if part.file_name:
        one_line = part.file_name.replace("\n ", " ")
        head += f'; filename="{one_line}"\r\nContent-Type: {part.content_type}'
    return head.encode() + b"\r\n\r\n" + part.content
