"""Reads the contents of a whole mail with the standard library's parser. Pure."""

import functools
from collections import Counter
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from typing import Any

from cmc_webhook.inbound.charsets import decode
from cmc_webhook.inbound.headers import Headers, as_text
from cmc_webhook.inbound.mail import Attachment, Contents, Text, UnreadableMail
from cmc_webhook.inbound.parts import MOST_PARTS
from cmc_webhook.reasons import Reason

_MOST_LINE_ENDS = 1_000_000
# The parser makes a part of each delivery status in a report, too.
_MOST_PARSED = 2_000
# The parser compares every line with the boundary of every enclosing multipart.
_MOST_MULTIPARTS = 50
_MOST_VALUE = 16 * 1024


class _Part(Message):
    """
    A mail or a part of it; *counts* are those of the whole mail.

    Only the beginning of a long field is parsed, because parsing takes quadratic time.
    """

    def __init__(self, policy: Any, counts: Counter[str]) -> None:
        super().__init__(policy)
        self._counts = counts
        self._counts["parts"] += 1
        if self._counts["parts"] > _MOST_PARSED:
            raise UnreadableMail(Reason.TOO_MANY_PARTS)

    def get_boundary(self, failobj: Any = None) -> Any:
        """
        Return the boundary, which the parser reads once for each multipart.

        An empty one counts as missing: the generator would replace it by a random one, and
        an attached mail would change with every repeat.
        """
        self._counts["multiparts"] += 1
        if self._counts["multiparts"] > _MOST_MULTIPARTS:
            raise UnreadableMail(Reason.TOO_MANY_PARTS)
        return super().get_boundary() or failobj

    def get(self, name: str, failobj: Any = None) -> Any:
        """Return the beginning of the first field *name*; Message parses what this returns."""
        value = super().get(name, failobj)
        return value[:_MOST_VALUE] if isinstance(value, str) else value


def read_mime(raw: bytes) -> Contents:
    """
    Return the contents of *raw*: the first text, the first HTML, and the rest as attachments.

    Raises UnreadableMail if it has too many lines or parts, or cannot be parsed.
    """
    # The parser makes an object of every line; base64 of 30 MB has 400,000.
    if raw.count(b"\n") + raw.count(b"\r") > _MOST_LINE_ENDS:
        raise UnreadableMail(Reason.TOO_MANY_LINES)
    try:
        make: Any = functools.partial(_Part, counts=Counter())
        message = BytesParser(make, policy=compat32).parsebytes(raw)
        leaves = list(_leaves(message))
        if len(leaves) > MOST_PARTS:
            raise UnreadableMail(Reason.TOO_MANY_PARTS)
        headers = Headers((name, as_text(value)) for name, value in message.raw_items())
        bodies = [_first_body(leaves, kind) for kind in ("text/plain", "text/html")]
        text, html = map(_text, bodies)
        attachments = [_attachment(leaf) for leaf in leaves if leaf not in bodies]
    except UnreadableMail:
        raise
    except Exception as error:
        # The parser raises many errors on odd mail: TypeError for a parameter in pieces without
        # a number, RecursionError, LookupError and others.
        raise UnreadableMail(Reason.UNREADABLE_MIME) from error
    return Contents(headers, text, html, attachments, raw)


def _leaves(part: Message) -> Iterator[Message]:
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for inner in _inner(part):
            yield from _leaves(inner)
    else:
        yield part


def _inner(part: Message) -> list[Message]:
    parts: Any = part.get_payload()  # a list, because the part is multipart
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
    if part.is_multipart():  # an attached mail or report
        return b"\n".join(inner.as_bytes() for inner in _inner(part))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _file_name(part: Message) -> str:
    # The parser does not read names with bytes beyond ASCII: parse the decoded fields again.
    readable = _Part(compat32, Counter())
    for name, value in part.raw_items():
        if name.lower() in ("content-disposition", "content-type"):
            readable[name] = as_text(value)
    places = (("filename", "content-disposition"), ("name", "content-type"))
    names = (readable.get_param(name, "", header) for name, header in places)
    found: Any = next(filter(None, names), "")
    if isinstance(found, tuple):  # RFC 2231: a charset, and the bytes as characters
        charset, _, text = found
        return decode(text.encode("raw-unicode-escape"), charset or "utf-8")
    return str(found)
