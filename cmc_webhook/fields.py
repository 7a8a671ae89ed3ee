"""Reads a body of any format into named fields. Pure."""

import binascii
import codecs
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from cmc_webhook.errors import MalformedEnvelope
from cmc_webhook.text import clean

# The fields that identify a received mail, as CMC and as SendGrid post it.
CMC_MAIL = frozenset({"filter", "envelope-to"})
SENDGRID_MAIL = frozenset({"envelope", "sender_ip"})
# A body of CMC has four fields; many more are an attack on the parser.
_MOST_FORM_FIELDS = 1_000
# Python refuses to convert longer integers; one would make its whole body unreadable.
_LONGEST_INTEGER = 4_000
# A byte that is not UTF-8, as the error handler surrogateescape decodes it.
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_PART_NAME = re.compile(r'^Content-Disposition: form-data; name="([^"\r\n]*)"', re.I | re.M)


def scalar(value: object, limit: int) -> str:
    """Return *value* as clean text of *limit* bytes at most, null as "". Raises ValueError."""
    if isinstance(value, str):
        return clean(value, limit)
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)[:limit]
    raise ValueError("neither text nor number")


class Repeated(list[Any]):
    """All values of a name that stands twice in one object: none is chosen, none is lost."""


def json_value(text: str) -> Any:
    """Parse *text*. Raises ValueError or RecursionError."""
    return json.loads(
        text,
        object_pairs_hook=_object,
        parse_int=lambda digits: int(digits) if len(digits) <= _LONGEST_INTEGER else digits,
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        values: dict[str, Repeated] = {}
        for name, value in pairs:
            values.setdefault(name, Repeated()).append(value)
        fields |= {name: each for name, each in values.items() if len(each) > 1}
    return fields


def json_bytes(value: object) -> bytes:
    """Return *value* as JSON, bytes that were not UTF-8 as they came. Raises MalformedEnvelope."""
    try:
        return json.dumps(value, ensure_ascii=False).encode(errors="surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate of a JSON escape
        return json.dumps(value).encode()
    except RecursionError as error:
        raise MalformedEnvelope("A record is nested too deep.") from error


def has_escaped_bytes(value: object) -> bool:
    """Return whether *value* has bytes that were not UTF-8, which decoding has escaped."""
    return _ESCAPED_BYTE.search(json.dumps(value, ensure_ascii=False)) is not None


class Fields(NamedTuple):
    """The fields of a body, each with all its values. *is_utf8*: the whole body was UTF-8."""

    values: Mapping[str, list[Any]]
    is_utf8: bool


def read_fields(body: bytes) -> Fields:
    """Return the fields of a form, or the keys of a JSON object.

    The content decides which it is, not the header: CMC's default is a form, JSON is a
    checkbox (documented). Of multipart, which CMC uses for received mail only, the names
    are returned without values. Any other body has no fields. Bytes that are not UTF-8
    are escaped as lone surrogates.
    """
    body = body.removeprefix(codecs.BOM_UTF8).strip()
    if not body.startswith((b"--", b"{")):
        return _form(body)
    text, is_utf8 = _decoded(body)
    if body.startswith(b"--"):
        return Fields({name: [] for name in _PART_NAME.findall(text)}, is_utf8=True)
    try:
        fields = json_value(text)
    except (ValueError, RecursionError):
        return Fields({}, is_utf8=True)
    values = {n: v if isinstance(v, Repeated) else [v] for n, v in fields.items()}
    return Fields(values, is_utf8)


def _form(body: bytes) -> Fields:
    """Return the fields of a form; of a name without ``=`` the value is empty."""
    pieces = body.split(b"&")
    if len(pieces) > _MOST_FORM_FIELDS:
        return Fields({}, is_utf8=True)
    values: dict[str, list[Any]] = {}
    is_utf8 = True
    for piece in filter(None, pieces):
        name, _, value = piece.replace(b"+", b" ").partition(b"=")
        text, is_text = _decoded(_unquoted(value))
        values.setdefault(_decoded(_unquoted(name))[0], []).append(text)
        is_utf8 &= is_text
    return Fields(values, is_utf8)


def _unquoted(text: bytes) -> bytes:
    # The decoder of quoted-printable is written in C: twelve times as fast as that of urllib.
    unquoted = binascii.a2b_qp(text.replace(b"=", b"=3D").replace(b"%", b"="))
    # It misreads a percent sign without two digits. Each sign with them makes the text two bytes
    # shorter; nothing else does, but for the end of a line, which it may drop.
    is_as_long = len(unquoted) == len(text) - 2 * text.count(b"%")
    is_right = is_as_long and b"\n" not in text and b"\r" not in text
    return unquoted if is_right else unquote_to_bytes(text)


def _decoded(text: bytes) -> tuple[str, bool]:
    """Return *text* with the bytes that are not UTF-8 escaped, and whether there are none."""
    try:
        return text.decode(), True
    except UnicodeDecodeError:
        return text.decode(errors="surrogateescape"), False
