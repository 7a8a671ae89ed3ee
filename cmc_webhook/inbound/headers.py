"""What the header of a mail says: names and values to text, addresses, ids and times. Pure."""

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
_MOST_VALUE = 64 * 1024  # of a field that is taken apart
_MOST_WORDS = 16 * 1024  # of encoded words, whose decoder takes quadratic time; none is kept whole
MOST_HEADER = 1024 * 1024  # mail servers take a tenth of that
_WORD = r"=\?[^?\s]+\?[bq]\?[^?]*\?="
_WORDS = re.compile(rf"{_WORD}(?:\s*{_WORD})*", re.I)


class Headers:
    """The header fields of a mail in their order, names in the mail's own case."""

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        self.items = [(name, re.sub(r"\r?\n(?=[ \t])", "", value)) for name, value in items]
        self._values: dict[str, list[str]] = {}
        for name, value in self.items:
            self._values.setdefault(name.lower(), []).append(value[:_MOST_VALUE])

    def values(self, name: str) -> list[str]:
        """Return the beginning of the value of every field of that *name*, as it came."""
        return self._values.get(name, [])

    def first(self, name: str) -> str:
        """Return the first value of *name*, empty for none."""
        return next((value.strip() for value in self.values(name)), "")


def parse_headers(block: bytes) -> Headers:
    """Return the fields of a header *block*; what follows a broken line has an empty name."""
    head, tail = block[:MOST_HEADER], block[MOST_HEADER:]
    message = BytesHeaderParser(policy=email.policy.compat32).parsebytes(head)
    items = [(name, as_text(value)) for name, value in message.raw_items()]
    del message["Content-Transfer-Encoding"]  # that of the mail, not of this block
    broken = message.get_payload(decode=True)
    rest = (broken if isinstance(broken, bytes) else b"") + tail
    return Headers([*items, ("", decode(rest))] if rest else items)


def as_text(value: str) -> str:
    """Return text whose bytes beyond ASCII are still what email's parser makes of them."""
    return decode(value.encode("utf-8", "surrogateescape"))


def decode_words(value: str) -> str:
    """Return the beginning of *value*, its encoded words (RFC 2047) decoded wherever they stand."""
    return _WORDS.sub(_decode_run, value[:_MOST_WORDS])


def _decode_run(run: re.Match[str]) -> str:
    try:
        words = decode_header(run[0])
    except HeaderParseError:
        return run[0]
    # A charset may name its language (RFC 2231, 5).
    return "".join(decode(word, str(charset).partition("*")[0]) for word, charset in words)


def addresses(values: Iterable[str]) -> list[dict[str, str]]:
    """Return the addresses of header *values*, each with its name, if it has one."""
    found: list[dict[str, str]] = []
    room = _MOST_VALUE  # of all values together
    for whole in values:
        value = whole[:room]
        room -= len(value)
        pairs = _address_pairs(value)
        if not any(address for _, address in pairs):  # Python takes the whole for malformed
            words = re.split(r"[\s<>,;]+", value)
            pairs = [("", word) for word in words if re.fullmatch(".+@.+", word)]
        named = [(name, address) for name, address in pairs if address]
        found += [_address(*pair) for pair in named[: _MOST_ADDRESSES - len(found)]]
    return found


def _address_pairs(value: str) -> list[tuple[str, str]]:
    try:
        return getaddresses([value])
    except RecursionError:  # thousands of brackets or groups in each other
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
    """Return the mail's own id; one that was written without brackets as it is."""
    value = headers.first("message-id")
    return next(iter(message_ids(value)), clean(value, _ID_BYTES))


def date(headers: Headers) -> datetime | None:
    """Return when the mail says it was written, in UTC; None if it says nothing that is a time."""
    try:
        written = parsedate_to_datetime(headers.first("date"))
        # -0000 is UTC of an unknown place (RFC 5322, 3.3).
        return written.replace(tzinfo=written.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def auto_submitted(headers: Headers) -> str:
    """
    Return what made the mail if no person did: ``bounce``, or a word of RFC 3834.

    Not every program says so by Auto-Submitted; the other fields are those in
    common use. Empty for a mail that a person may have written.
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
    """Return the last part of a file name: a path in it is the sender's, or an attack."""
    readable = re.sub(r"[\x00-\x1f\x7f]+", " ", decode_words(value))
    last = re.split(r"[/\\]", readable)[-1].strip()
    return "" if last in (".", "..") else clean(last, _NAME_BYTES)
