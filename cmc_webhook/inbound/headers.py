"""Reads the header of a mail or of a part: fields, message ids, times, file names. Pure."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from cmc_webhook.inbound.charsets import text_of
from cmc_webhook.inbound.encoded_words import decode_words
from cmc_webhook.inbound.parameters import read_parameters
from cmc_webhook.text import clean, one_line

_NAME_BYTES = 256
_ID_BYTES = 998  # a line (RFC 5322, 2.1.1)
_MOST_IDS = 100
_MOST_VALUE = 64 * 1024  # characters of a field that are parsed
MOST_HEADER = 1024 * 1024  # bytes; mail servers accept about a tenth of it
_MOST_LINES = 20_000
_BLANK_LINE = re.compile(rb"(?:\A|\n)\r*+(?:\n|\Z)")
# A line, and those that continue it.
_LOGICAL_LINE = re.compile(rb"[^\n]*+(?:\n(?=[ \t])[^\n]*+)*+(?:\n|\Z)")
_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:[ \t]*+(.*)", re.DOTALL)
# Zones by name; those of RFC 5322 are known to Python. None has a second meaning in use.
_OFFSETS = (
    "JST+0900 KST+0900 HKT+0800 SGT+0800 AWST+0800 AEST+1000 AEDT+1100 NZST+1200 NZDT+1300"
    " WET+0000 WEST+0100 CET+0100 MET+0100 CEST+0200 MEST+0200 EET+0200 EEST+0300 MSK+0300"
    " AKST-0900 AKDT-0800 HST-1000"
)
_ZONES: dict[str, str] = dict(re.findall(r"([A-Z]+)(\S+)", _OFFSETS))
_ZONE = re.compile(r"(?<=[\d\s])([A-Z]{3,4})\s*$", re.I)


class Headers:
    """The header fields of a mail in order, names as written."""

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        self.items = [(name, re.sub(r"\r*\n(?=[ \t])", "", value)) for name, value in items]
        self._values: dict[str, list[str]] = {}
        for name, value in self.items:
            self._values.setdefault(name.lower(), []).append(value[:_MOST_VALUE])

    def values(self, name: str) -> list[str]:
        """Return the beginning of the value of each field *name* (lower case), not decoded."""
        return self._values.get(name, [])

    def first(self, name: str) -> str:
        """Return the first value of *name*; empty if there is none."""
        return next((value.strip() for value in self.values(name)), "")


def split_head(content: memoryview) -> tuple[Headers, memoryview]:
    """Return the fields of a mail or part up to the limits, and what follows them."""
    # A line that is no field has an empty name; if no field follows it, the body begins there,
    # because the blank line is missing.
    blank = _BLANK_LINE.search(content)
    head = _beginning(content[: blank.start()] if blank else content)
    body = content[blank.end() :] if blank else content[:0]
    items, end = _fields(head)
    return Headers(items), body if end == len(head) else content[end:]


def parse_headers(block: bytes) -> Headers:
    """Return the fields of a header *block*; what follows the last one has an empty name."""
    items, end = _fields(_beginning(memoryview(block)))
    rest = text_of(block[end:])
    return Headers([*items, ("", rest)] if rest.strip() else items)


def _beginning(head: memoryview) -> bytes:
    """Return the lines of *head* within the limits, before anything looks at each of them."""
    short = bytes(head[:MOST_HEADER])
    lines = short.split(b"\n", _MOST_LINES)
    many = len(lines) > _MOST_LINES or len(short) < len(head)
    return short[: len(short) - len(lines[-1])] if many else short


def _fields(head: bytes) -> tuple[list[tuple[str, str]], int]:
    lines = [line[0] for line in _LOGICAL_LINE.finditer(head)]
    # The first line continues none, even if it is indented.
    fields = [_FIELD.match(line if n else line.lstrip(b" \t")) for n, line in enumerate(lines)]
    while fields and not fields[-1]:
        del fields[-1]
    found: list[tuple[str, bytes]] = []
    for line, field in zip(lines, fields, strict=False):
        if field:
            found.append((field[1].decode(), field[2]))
        elif found and found[-1][1].rstrip().endswith(b";"):  # a parameter without its indent
            found[-1] = (found[-1][0], found[-1][1].rstrip() + b" " + line)
        else:
            found.append(("", line))
    items = [(name, text_of(value.rstrip(b"\r\n"))) for name, value in found]
    return items, sum(map(len, lines[: len(fields)]))


def message_ids(value: str) -> list[str]:
    """Return the message ids in *value*, with their angle brackets."""
    found = re.findall(r"<[^<>\s]+>", value)
    return [one_line(message_id, _ID_BYTES) for message_id in found[:_MOST_IDS]]


def message_id(headers: Headers) -> str:
    """Return the id of the mail; the whole value if it has no angle brackets."""
    value = headers.first("message-id")
    return next(iter(message_ids(value)), one_line(value, _ID_BYTES))


def date(headers: Headers) -> datetime | None:
    """Return the date of the mail in UTC; None if it has none that can be read."""
    value = _ZONE.sub(lambda zone: _ZONES.get(zone[1].upper(), zone[0]), headers.first("date"))
    try:
        written = parsedate_to_datetime(value)
        # -0000 is UTC without a known local time zone (RFC 5322, 3.3).
        return written.replace(tzinfo=written.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def auto_submitted(headers: Headers) -> str:
    """Return ``bounce``, or the word of RFC 3834, for an automatic mail; else empty text."""
    # Not every program sets Auto-Submitted; the other fields are those in common use.
    report = headers.first("content-type").lower()
    if "delivery-status" in report or headers.first("x-failed-recipients"):
        return "bounce"
    word = headers.first("auto-submitted").lower().partition(";")[0].strip()
    if word and word != "no":
        return one_line(word, _NAME_BYTES)
    replies = headers.first("x-autoreply") or headers.first("x-autorespond")
    if replies or headers.first("precedence").lower() == "auto_reply":
        return "auto-replied"
    return ""


def content_type(headers: Headers, default: str = "text/plain") -> tuple[str, dict[str, str]]:
    """Return the type of a part in lower case, *default* without one, and its parameters."""
    kind, parameters = read_parameters(headers.first("content-type"))
    if not kind:
        return default, parameters
    # A type that is none means plain text (RFC 2045, 5.2).
    return (kind if re.fullmatch("[^/]+/[^/]+", kind) else "text/plain"), parameters


def readable_file_name(value: str) -> str:
    """Return the decoded file name without a path, which the sender may have set to attack."""
    last = re.split(r"[/\\]", one_line(decode_words(value), len(value) * 4))[-1].strip()
    return "" if last in (".", "..") else clean(last, _NAME_BYTES)
