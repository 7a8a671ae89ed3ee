"""A whole mail in MIME to its contents, by the standard library's parser. Pure."""

import email
import email.policy
from collections.abc import Iterator
from email.message import Message
from typing import Any

from cmc_webhook.inbound.errors import UnreadableMail
from cmc_webhook.inbound.headers import Headers, as_text
from cmc_webhook.inbound.mail import Attachment, Contents, Text
from cmc_webhook.inbound.parts import MOST_PARTS

_MOST_LINE_ENDS = 1_000_000
_MOST_VALUE = 16 * 1024


class _Part(Message):
    """A mail or a part of it. Of a long field the beginning is taken apart: it is quadratic."""

    def get(self, name: str, failobj: Any = None) -> Any:
        """Return the value of the first field *name*, cut, for all that looks into it."""
        value = super().get(name, failobj)
        return value[:_MOST_VALUE] if isinstance(value, str) else value


def read_mime(raw: bytes) -> Contents:
    """
    Return the contents of *raw*: the first text, the first HTML, and all else attached.

    Raise UnreadableMail if it has too many lines or parts, or is nested too deep.
    """
    # The parser makes an object of every line; base64 of 30 MB has 400,000.
    if raw.count(b"\n") + raw.count(b"\r") > _MOST_LINE_ENDS:
        raise UnreadableMail("too_many_lines")
    try:
        message = email.message_from_bytes(raw, _class=_Part, policy=email.policy.compat32)
        leaves = list(_leaves(message))
        if len(leaves) > MOST_PARTS:
            raise UnreadableMail("too_many_parts")
        headers = Headers((name, as_text(value)) for name, value in message.raw_items())
        text, html = (_first_body(leaves, kind) for kind in ("text/plain", "text/html"))
        attachments = [_attachment(leaf) for leaf in leaves if leaf not in (text, html)]
    except UnreadableMail:
        raise
    except Exception as error:
        # A stranger wrote the mail, and the parser raises whatever it trips over: TypeError for
        # parameters in pieces without a number, RecursionError, LookupError and more.
        raise UnreadableMail("unreadable_mime") from error
    return Contents(headers, _text(text), _text(html), attachments, raw)


def _leaves(part: Message) -> Iterator[Message]:
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for inner in _inner(part):
            yield from _leaves(inner)
    else:
        yield part


def _inner(part: Message) -> list[Message]:
    parts: Any = part.get_payload()  # a list, as the part is multipart
    return list(parts)


def _first_body(leaves: list[Message], kind: str) -> Message | None:
    return next(
        (
            leaf
            for leaf in leaves
            if leaf.get_content_type() == kind
            and leaf.get_content_disposition() != "attachment"
            and not leaf.get_filename()
        ),
        None,
    )


def _text(part: Message | None) -> Text | None:
    return Text(_content(part), part.get_content_charset("utf-8")) if part else None


def _attachment(part: Message) -> Attachment:
    return Attachment(
        _content(part),
        _file_name(part),
        part.get_content_type(),
        str(part.get("Content-ID", "")).strip("<> "),
    )


def _content(part: Message) -> bytes:
    if part.is_multipart():  # a mail, or a report, inside the mail
        return b"\n".join(inner.as_bytes() for inner in _inner(part))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _file_name(part: Message) -> str:
    # The parser gives up on names in 8 bits, so it is asked again with text.
    readable = _Part()
    for name, value in part.raw_items():
        if name.lower() in ("content-disposition", "content-type"):
            readable[name] = as_text(value)
    return readable.get_filename("")
