"""Reads a body of any format into named fields. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from cmc_webhook.errors import MalformedEnvelope
from cmc_webhook.text import clean

# The fields that identify a received mail, as CMC and as SendGrid post it.
CMC_MAIL = frozenset({"filter", "envelope-to"})
SENDGRID_MAIL = frozenset({"envelope", "sender_ip"})
# A body of CMC has four fields; many more are an attack on the parser.
_MOST_FORM_FIELDS = 1_000
# Python refuses to convert longer integers; one would make its whole body unreadable.
_LONGEST_INTEGER = 4_000
_PART_NAME = re.compile(r'^Content-Disposition: form-data; name="([^"\r\n]*)"', re.I | re.M)


def scalar(value: object, limit: int) -> str:
    """
    Return *value* as cleaned text of at most *limit* bytes of UTF-8, null as empty text.

    Raises ValueError for a list or an object.
    """
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


def json_text(value: object) -> str:
    """Return JSON that parses to *value* again. Raises MalformedEnvelope if nested too deep."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can carry
        return json.dumps(value)
    except RecursionError as error:
        raise MalformedEnvelope("A record is nested too deep.") from error
    return text


def read_fields(body: bytes) -> dict[str, list[Any]]:
    """
    Return the fields of a form, or the keys of a JSON object, each with all its values.

    The content decides which it is, not the header: CMC's default is a form, JSON is a
    checkbox (documented). Of multipart, which CMC uses for received mail only, the names
    are returned without values. Any other body has no fields.
    """
    text = body.decode("utf-8-sig", "replace").strip()
    if text.startswith("--"):
        return {name: [] for name in _PART_NAME.findall(text)}
    try:
        if text.startswith("{"):
            fields = json_value(text)
            return {n: v if isinstance(v, Repeated) else [v] for n, v in fields.items()}
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FORM_FIELDS)
    except (ValueError, RecursionError):
        return {}
    fields = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def api_keys(fields: Mapping[str, list[Any]]) -> list[str]:
    """Return every ``api_key``; CMC documents the name, and not where it stands."""
    return [key for key in fields.get("api_key", []) if isinstance(key, str)]
