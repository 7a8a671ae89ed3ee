"""Undoes the transfer encoding of a part. Pure."""

import binascii
import contextlib
import re
from email.message import Message
from typing import NamedTuple

# A character that no line of base64 has, or a blank between two words.
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]|[A-Za-z0-9+/=][ \t]++[A-Za-z0-9+/=]")
_UP_TO_PADDING = re.compile(rb"[^=]*+[=\s]*+")
# More paddings than attachments that were encoded piece by piece have.
_MOST_PIECES = 10_000


class Content(NamedTuple):
    """What was encoded, and text that follows it, such as the footer of a mailing list."""

    content: bytes
    footer: bytes = b""


def decode_transfer(content: memoryview, encoding: str) -> Content:
    """Return *content* decoded; *encoding* is the value of Content-Transfer-Encoding."""
    # Only the first word counts: senders add blanks, quotes, comments and semicolons.
    word = re.search(r"[\w-]+", re.sub(r"\([^()]*\)", "", encoding[:1_000]))
    name = word[0].lower() if word else ""
    if name == "base64":
        return _base64(content)
    if name == "quoted-printable":
        return Content(binascii.a2b_qp(content))
    if name in ("x-uuencode", "uuencode", "uue", "x-uue"):
        return Content(_uuencoded(bytes(content)))
    return Content(bytes(content))


def _base64(content: memoryview) -> Content:
    end = len(content)
    if other := _NOT_BASE64.search(content):
        # Text may follow the padding on its line.
        padded = other[0].startswith(b"=")
        end = other.start() + 1 if padded else bytes(content[: other.end()]).rfind(b"\n") + 1
    encoded = content[:end]
    decoded = b""
    if _UP_TO_PADDING.fullmatch(encoded):
        with contextlib.suppress(binascii.Error):  # letters or padding are missing
            decoded = binascii.a2b_base64(encoded)
    if not decoded:
        letters = bytes(encoded).translate(None, b" \t\r\n\f\v")
        pieces = re.split(rb"=++", letters, maxsplit=_MOST_PIECES)
        decoded = b"".join(map(base64_piece, pieces))
    if not decoded:
        return Content(bytes(content))  # not encoded at all
    return Content(decoded, bytes(content[end:]))


def base64_piece(letters: bytes) -> bytes:
    """Decode *letters* without padding, which may be cut off."""
    if len(letters) % 4 == 1:  # one letter too many: it has six bits of a byte
        letters = letters[:-1]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _uuencoded(content: bytes) -> bytes:
    message = Message()
    message["Content-Transfer-Encoding"] = "x-uuencode"
    message.set_payload(content.decode("latin-1"))
    decoded = message.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else content
