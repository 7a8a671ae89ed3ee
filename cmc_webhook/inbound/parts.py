"""Splits a body (multipart, JSON or form) into fields and files, as bytes. Pure."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
)

from cmc_webhook.fields import read_fields
from cmc_webhook.inbound.charsets import decode
from cmc_webhook.inbound.mail import UnreadableMail
from cmc_webhook.reasons import Reason

# More are an attack; the attachments of such a mail could not be stored in time either.
MOST_PARTS = 200
# Parsing JSON takes up to thirty times its size in memory.
_LARGEST_JSON = 8 * 1024 * 1024
_PIECE = 64 * 1024
_FIRST_LINE = re.compile(rb"\s*--([^\r\n]{1,200})\r?\n")


@dataclass(frozen=True, slots=True)
class Part:
    """A field or a file, content unchanged. Of a file *file_name* is a text, perhaps empty."""

    name: str
    content: bytes
    file_name: str | None = None
    content_type: str = ""


class Parts:
    """The parts of a body. Names of fields are in lower case, because senders differ in case."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.files: list[Part] = []
        self.fields: dict[str, bytes] = {}
        for part in parts:
            name = part.name.lower()
            if part.file_name is not None or re.fullmatch("attachment[0-9]+", name):
                self.files.append(part)
            elif name in self.fields:
                # A mail that contains the boundary, which SendGrid does not change, adds fields.
                raise UnreadableMail(Reason.REPEATED_FIELD)
            else:
                self.fields[name] = part.content

    def text(self, name: str) -> str:
        """Return the beginning of a field as text; empty if there is no such field."""
        return decode(self.fields.get(name, b"")[:_LARGEST_JSON]).strip()

    def json(self, name: str) -> Any:
        """Return the JSON value of a field; None if it is not JSON."""
        if len(self.fields.get(name, b"")) > _LARGEST_JSON:
            return None
        try:
            return json.loads(self.text(name))
        except (ValueError, RecursionError):
            return None

    def mapping(self, name: str) -> dict[str, Any]:
        """Return the JSON object in a field; an empty one if it is not an object."""
        value = self.json(name)
        return value if isinstance(value, dict) else {}


def is_multipart(body: bytes) -> bool:
    """True if *body* begins like multipart; the Content-Type header does not matter."""
    return _FIRST_LINE.match(body) is not None


def read_parts(body: bytes) -> Parts:
    """Return the parts of *body*. Raises UnreadableMail if it is truncated or in another format."""
    if first := _FIRST_LINE.match(body):
        return Parts(_read_multipart(body, first[1].rstrip(b" \t")))
    if len(body) > _LARGEST_JSON:
        raise UnreadableMail(Reason.TOO_LONG)
    fields = [
        Part(name, _as_bytes(values[0]))
        for name, values in read_fields(body).values.items()
        if values
    ]
    if not fields:
        raise UnreadableMail(Reason.UNREADABLE_BODY)
    return Parts(fields)


def _as_bytes(value: Any) -> bytes:
    if value is None:
        return b""
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        return text.encode(errors="surrogateescape")  # bytes that were not UTF-8 come back
    except UnicodeEncodeError:  # a lone surrogate of a JSON escape
        return text.encode(errors="replace")


def _read_multipart(body: bytes, boundary: bytes) -> Iterator[Part]:
    head: Field | File | None = None
    pieces: list[bytes] = []
    for event in _events(body, boundary):
        if isinstance(event, Field | File):
            head, pieces = event, []
        elif isinstance(event, Data) and head:
            pieces.append(event.data)
            if not event.more_data:
                yield Part(
                    head.name or "",
                    b"".join(pieces),
                    head.filename if isinstance(head, File) else None,
                    head.headers.get("Content-Type", ""),
                )


def _events(body: bytes, boundary: bytes) -> Iterator[Event]:
    decoder = _Decoder(boundary, max_parts=MOST_PARTS)
    pieces = (body[start : start + _PIECE] for start in range(0, len(body), _PIECE))
    try:
        for piece in chain(pieces, (None,)):
            decoder.receive_data(piece)
            while not isinstance(event := decoder.next_event(), NeedData):
                if isinstance(event, Epilogue):
                    if event.data.strip():
                        raise UnreadableMail(Reason.UNREADABLE_MULTIPART)
                    return
                yield event
    except RequestEntityTooLarge as error:
        raise UnreadableMail(Reason.TOO_MANY_PARTS) from error
    except ValueError as error:
        raise UnreadableMail(Reason.UNREADABLE_MULTIPART) from error


class _Decoder(MultipartDecoder):
    """Reads file names in any charset; Werkzeug's own class raises unless they are UTF-8."""

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        return super()._parse_headers(decode(bytes(data)).encode())
