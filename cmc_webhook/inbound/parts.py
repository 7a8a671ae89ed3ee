"""Splits a body (multipart, JSON or form) into fields and files, as bytes. Pure."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cmc_webhook.fields import read_fields
from cmc_webhook.inbound import multipart
from cmc_webhook.inbound.charsets import text_of
from cmc_webhook.inbound.headers import split_head
from cmc_webhook.inbound.mail import UnreadableMail
from cmc_webhook.inbound.parameters import read_parameters
from cmc_webhook.reasons import Reason

# Parsing JSON takes up to thirty times its size in memory.
_LARGEST_JSON = 8 * 1024 * 1024
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
        return text_of(self.fields.get(name, b"")[:_LARGEST_JSON]).strip()

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


def read_parts(body: bytes) -> Parts:
    """Return the parts of *body*. Raises UnreadableMail if it is truncated or in another format."""
    if first := _FIRST_LINE.match(body):
        return Parts(_read_multipart(body, first[1].rstrip(b" \t")))
    if len(body) > _LARGEST_JSON:
        raise UnreadableMail(Reason.TOO_LONG)
    found = read_fields(body).values
    fields = [Part(name, _as_bytes(values[0])) for name, values in found.items() if values]
    if not fields:
        raise UnreadableMail(Reason.UNREADABLE_BODY)
    return Parts(fields)


def _as_bytes(value: Any) -> bytes:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    try:
        return text.encode(errors="surrogateescape")  # bytes that were not UTF-8 come back
    except UnicodeEncodeError:  # a lone surrogate of a JSON escape
        return text.encode(errors="replace")


def _read_multipart(body: bytes, boundary: bytes) -> Iterator[Part]:
    closed = False
    for number, piece in enumerate(multipart.split(memoryview(body), boundary)):
        # A mail that contains the boundary, which SendGrid does not change, ends the post early.
        if closed or (piece.closed and bytes(piece.content).strip()):
            raise UnreadableMail(Reason.UNREADABLE_MULTIPART)
        if number > multipart.MOST_PARTS:
            raise UnreadableMail(Reason.TOO_MANY_PARTS)
        closed = piece.closed
        if not closed:
            yield _part(piece.content)
    if not closed:
        raise UnreadableMail(Reason.UNREADABLE_MULTIPART)


def _part(entity: memoryview) -> Part:
    headers, content = split_head(entity)
    disposition, parameters = read_parameters(headers.first("content-disposition"))
    if disposition != "form-data":
        raise UnreadableMail(Reason.UNREADABLE_MULTIPART)
    return Part(
        parameters.get("name", ""),
        bytes(content),
        parameters.get("filename"),
        headers.first("content-type"),
    )
