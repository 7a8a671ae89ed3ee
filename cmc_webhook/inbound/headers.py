"""Parses the header of a mail: fields, addresses, message ids, times. Pure."""

import email.policy
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime

from cmc_webhook.inbound.charsets import decode
from cmc_webhook.text import clean

# 64 before the @, 255 after it (RFC 5321, 4.5.3.1).
ADDRESS_BYTES = 320
_NAME_BYTES = 256
_ID_BYTES = 998  # a line (RFC 5322, 2.1.1)
_MOST_ADDRESSES = 200
_MOST_IDS = 100
_MOST_VALUE = 64 * 1024  # characters of a field that are parsed
_MOST_WORDS = (
    16 * 1024
)  # characters with encoded words that are decoded, which takes quadratic time
MOST_HEADER = 1024 * 1024  # bytes; mail servers accept about a tenth of it
_WORD = r"=\?[^?\s]+\?[bq]\?[^?]*\?="
_WORDS = re.compile(rf"{_WORD}(?:\s*{_WORD})*", re.I)


class Headers:
    """The header fields of a mail in order, names as written."""

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        self.items = [(name, re.sub(r"\r?\n(?=[ \t])", "", value)) for name, value in items]
        self._values: dict[str, list[str]] = {}
        for name, value in self.items:
            self._values.setdefault(name.lower(), []).append(value[:_MOST_VALUE])

    def values(self, name: str) -> list[str]:
        """Return the beginning of the value of each field *name* (lower case), not decoded."""
        return self._values.get(name, [])

    def first(self, name: str) -> str:
        """Return the first value of *name*; empty if there is none."""
        return next((value.strip() for value in self.values(name)), "")


def parse_headers(block: bytes) -> Headers:
    """Return the fields of a header *block*; what follows a broken line has an empty name."""
    head, tail = block[:MOST_HEADER], block[MOST_HEADER:]
    message = BytesHeaderParser(policy=email.policy.compat32).parsebytes(head)
    items = [(name, as_text(value)) for name, value in message.raw_items()]
    del message["Content-Transfer-Encoding"]  # it applies to the body of the mail
    broken = message.get_payload(decode=True)
    rest = (broken if isinstance(broken, bytes) else b"") + tail
    return Headers([*items, ("", decode(rest))] if rest else items)


def as_text(value: str) -> str:
    """Decode a *value* in which the parser replaced bytes beyond ASCII by surrogates."""
    return decode(value.encode("utf-8", "surrogateescape"))


def decode_words(value: str) -> str:
    """Return the beginning of *value* with all encoded words (RFC 2047) decoded."""
    return _WORDS.sub(_decode_run, value[:_MOST_WORDS])


def _decode_run(run: re.Match[str]) -> str:
    try:
        words = decode_header(run[0])
    except HeaderParseError:
        return run[0]
    # A language may follow the charset (RFC 2231, section 5).
    return "".join(decode(word, str(charset).partition("*")[0]) for word, charset in words)


def addresses(values: Iterable[str]) -> list[dict[str, str]]:
    """Return the addresses in header *values*, each with its name if it has one."""
    found: list[dict[str, str]] = []
    room = _MOST_VALUE  # of all values together
    for whole in values:
        value = whole[:room]
        room -= len(value)
        pairs = _address_pairs(value)
        if not any(
            address for _, address in pairs
        ):  # Python rejects all of a value in which one address is malformed
            words = re.split(r"[\s<>,;]+", value)
            pairs = [("", word) for word in words if re.fullmatch(".+@.+", word)]
        named = [(name, address) for name, address in pairs if address]
        found += [_address(*pair) for pair in named[: _MOST_ADDRESSES - len(found)]]
    return found


def _address_pairs(value: str) -> list[tuple[str, str]]:
    try:
        return getaddresses([value])
    except RecursionError:  # thousands of nested comments or groups
        return []


def _address(name: str, address: str) -> dict[str, str]:
    readable = clean(decode_words(name), _NAME_BYTES)
    bare = {"address": clean(address, ADDRESS_BYTES)}
    return bare | {"name": readable} if readable else bare


def message_ids(value: str) -> list[str]:
    """Return the message ids in *value*, with their angle brackets."""
    found = re.findall(r"<[^<>\s]+>", value)
    return [clean(message_id, _ID_BYTES) for message_id in found[:_MOST_IDS]]


def message_id(headers: Headers) -> str:
    """Return the id of the mail; the whole value if it has no angle brackets."""
    value = headers.first("message-id")
    return next(iter(message_ids(value)), clean(value, _ID_BYTES))


def date(headers: Headers) -> datetime | None:
    """Return the date of the mail in UTC; None if it has none that can be read."""
    try:
        written = parsedate_to_datetime(headers.first("date"))
        # -0000 is UTC without a known local time zone (RFC 5322, 3.3).
        return written.replace(tzinfo=written.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def auto_submitted(headers: Headers) -> str:
    """
    Return ``bounce``, or the word of RFC 3834, for an automatic mail; else empty text.

    Not every program sets Auto-Submitted; the other fields are those in common use.
    """
    report = headers.first("content-type").lower()
    if "delivery-status" in report or headers.first("x-failed-recipients"):
        return "bounce"
    word = headers.first("auto-submitted").lower().partition(";")[0].strip()
    if word and word != "no":
        return clean(word, _NAME_BYTES)
    replies = headers.first("x-autoreply") or headers.first("x-autorespond")
    if replies or headers.first("precedence").lower() == "auto_reply":
        return "auto-replied"
    return ""


def file_name(value: str) -> str:
    """Return the decoded file name without a path, which the sender may have set to attack."""
    readable = re.sub(r"[\x00-\x1f\x7f]+", " ", decode_words(value))
    last = re.split(r"[/\\]", readable)[-1].strip()
    return "" if last in (".", "..") else clean(last, _NAME_BYTES)
