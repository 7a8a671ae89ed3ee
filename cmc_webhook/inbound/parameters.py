"""Reads the parameters of a header field, such as a file name (RFC 2045, RFC 2231). Pure."""

import re
from urllib.parse import unquote_to_bytes

from cmc_webhook.inbound.charsets import text_of

_MOST_VALUE = 16 * 1024  # characters
_MAIN = re.compile(r"\s*+([^\s;()\"]*+)")
# Possessive quantifiers: the regex must not backtrack into a long value.
_PARAMETER = re.compile(
    r"""(?:;|(?<=\S)\s)\s*+([^\s=;"()]++)\s*+=\s*+("(?:[^"\\]++|\\.)*+"?|[^;]*+)""", re.DOTALL
)
_ESCAPED = re.compile(r'\\(["\\])')
_EXTENDED = re.compile(r"([^*]+)(?:\*([0-9]{1,4}))?(\*)?")


def read_parameters(value: str) -> tuple[str, dict[str, str]]:
    """Return the main word of *value* and its parameters, names in lower case."""
    # Of a parameter that stands there twice the first counts; one in the form of RFC 2231 counts
    # before a plain one, which is there for old programs.
    value = value[:_MOST_VALUE]
    main = _MAIN.match(value)
    plain: dict[str, str] = {}
    extended: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for found in _PARAMETER.finditer(value, main.end() if main else 0):
        text = _unquoted(found[2])
        form = _EXTENDED.fullmatch(found[1].lower())
        name, number, encoded = form.groups() if form else (found[1].lower(), None, None)
        if number is not None:
            pieces.setdefault(name, {}).setdefault(int(number), (text, encoded is not None))
        else:
            (extended if encoded else plain).setdefault(name, text)
    joined = {name: _joined(numbered) for name, numbered in pieces.items() if 0 in numbered}
    decoded = {name: _decoded([(text, True)]) for name, text in extended.items()}
    return (main[1].lower() if main else ""), plain | joined | decoded


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        return _ESCAPED.sub(r"\1", value[1:].removesuffix('"'))
    return value.strip()


def _joined(numbered: dict[int, tuple[str, bool]]) -> str:
    # A piece that is missing ends the value.
    found: list[tuple[str, bool]] = []
    while len(found) in numbered:
        found.append(numbered[len(found)])
    if any(encoded for _, encoded in found):
        return _decoded(found)
    return "".join(text for text, _ in found)


def _decoded(pieces: list[tuple[str, bool]]) -> str:
    """Return the text of *pieces*, the first with ``charset'language'`` before it."""
    (first, encoded), *rest = pieces
    charset, quote, tail = first.partition("'")
    _, second_quote, text = tail.partition("'")
    if not (encoded and quote and second_quote):
        charset, text = "", first
    content = b"".join(
        unquote_to_bytes(text) if encoded else text.encode(errors="replace")
        for text, encoded in ((text, encoded), *rest)
    )
    return text_of(content, charset)
