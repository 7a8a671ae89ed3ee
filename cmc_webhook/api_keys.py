"""
Finds every ``api_key`` in a body: the one place that knows where a key can stand. Pure.

CMC documents the name of the field, and not where it stands. A body is searched, not parsed:
parsing the body of an unknown sender can take seconds.
"""

import json
import re
from itertools import islice
from urllib.parse import unquote_plus

_NAME = "api_key"
# Comparing a key takes time; a body has one key, rarely two during a rotation.
_MOST_KEYS = 16


def _spelled(escape: str) -> bytes:
    """Return a pattern of the name, each character plain or as *escape* with its hex code."""
    spellings = []
    for character in _NAME:
        code = "".join(f"[{digit}{digit.upper()}]" for digit in f"{ord(character):02x}")
        spellings.append(f"(?:{character}|{escape}{code})")
    return "".join(spellings).encode()


# Possessive quantifiers: the regex must not backtrack into a long value.
IN_JSON = re.compile(
    rb'(?P<head>"' + _spelled(r"\\u00") + rb'"\s*+:\s*+)'
    rb'(?P<value>"(?:[^"\\]|\\.)*+"?|[^\s",\]}]++)',
    re.DOTALL,
)
IN_FORM = re.compile(
    rb"(?P<head>(?:^(?:\xef\xbb\xbf)?\s*|&)" + _spelled("%") + rb"=)(?P<value>[^&]*+)"
)
# A part's header has few lines. The bound keeps the search linear: each line may be a start.
IN_PART = re.compile(
    rb'(?P<head>name="?api_key"?(?:\r?\n[^\r\n]+){0,8}+\r?\n\r?\n)(?P<value>[^\r\n]*+)'
)


def find_api_keys(body: bytes) -> list[str]:
    """Return the values of the first keys in a form, JSON or multipart body."""
    keys = [_json_text(value) for value in _values(IN_JSON, body)]
    keys += [unquote_plus(value.decode(errors="replace")) for value in _values(IN_FORM, body)]
    keys += [value.decode(errors="replace") for value in _values(IN_PART, body)]
    return [key for key in keys if key]


def _values(pattern: re.Pattern[bytes], body: bytes) -> list[bytes]:
    return [match["value"] for match in islice(pattern.finditer(body), _MOST_KEYS)]


def _json_text(value: bytes) -> str:
    """Return the text in a JSON string, empty for any other value."""
    try:
        return str(json.loads(value)) if value.startswith(b'"') else ""
    except ValueError:
        return ""
