"""Finds every ``api_key`` in a body: the one place that knows where a key can stand. Pure.

CMC documents the name of the field, and not where it stands. A body is searched, not parsed:
parsing the body of an unknown sender can take seconds.
"""

import json
import re
from itertools import islice
from urllib.parse import unquote_plus

# Comparing a key takes time; a body has one key, rarely two during a rotation.
_MOST_KEYS = 16

# Possessive quantifiers: the regex must not backtrack into a long value. A value's header lines are
# few; their bound keeps the search linear, as each line may be a start.
_JSON_VALUE = rb'"\s*+:\s*+)(?P<value>"(?:[^"\\]|\\.)*+"?|[^\s",\]}]++)'
_PART_VALUE = rb'"?(?:\r?\n[^\r\n]+){0,8}+\r?\n\r?\n)(?P<value>[^\r\n]*+)'
# What CMC sends. Each begins with plain text, which makes the search fast.
_SENT_IN_JSON = re.compile(rb'("api_key' + _JSON_VALUE, re.DOTALL)
_SENT_IN_FORM = re.compile(rb"api_key=(?P<value>[^&]*+)")
_SENT_IN_PART = re.compile(rb'(name="?api_key' + _PART_VALUE)


def _spelled(escape: str) -> bytes:
    """Return a pattern of the name, each character plain or as *escape* with its hex code."""
    spellings = []
    for character in "api_key":
        code = "".join(f"[{digit}{digit.upper()}]" for digit in f"{ord(character):02x}")
        spellings.append(f"(?:{character}|{escape}{code})")
    return "".join(spellings).encode()


# For redaction: a key whose name is spelled with escapes, too.
IN_JSON = re.compile(rb'(?P<head>"' + _spelled(r"\\u00") + _JSON_VALUE, re.DOTALL)
IN_FORM = re.compile(
    rb"(?P<head>(?:^(?:\xef\xbb\xbf)?\s*|&)" + _spelled("%") + rb"=)(?P<value>[^&]*+)"
)
IN_PART = re.compile(rb'(?P<head>name="?api_key' + _PART_VALUE)


def find_api_keys(body: bytes) -> list[str]:
    """Return the values of the first keys in a form, JSON or multipart body."""
    first = body.find(b"api_key")
    if first < 0:
        return []
    body = body[max(0, first - len(b'name="')) :]  # the most that stands before the name
    keys = [_json_text(value) for value in _values(_SENT_IN_JSON, body)]
    keys += [unquote_plus(value.decode(errors="replace")) for value in _values(_SENT_IN_FORM, body)]
    keys += [value.decode(errors="replace") for value in _values(_SENT_IN_PART, body)]
    return [key for key in keys if key]


def _values(pattern: re.Pattern[bytes], body: bytes) -> list[bytes]:
    return [match["value"] for match in islice(pattern.finditer(body), _MOST_KEYS)]


def _json_text(value: bytes) -> str:
    """Return the text in a JSON string, empty for any other value."""
    try:
        return str(json.loads(value)) if value.startswith(b'"') else ""
    except ValueError:
        return ""
