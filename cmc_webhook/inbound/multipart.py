"""Splits multipart (RFC 2046, 5.1): of a post, and of a mail. Pure.

A piece is a view into the whole, not a copy: a mail of 30 MB is in memory often enough.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

# More are an attack; the attachments of such a mail could not be stored in time either.
MOST_PARTS = 200
_LONGEST_BOUNDARY = 200  # bytes; RFC 2046 allows 70


class Piece(NamedTuple):
    """What stands between two delimiters; *closed* if the one before it is the last."""

    content: memoryview
    closed: bool


def split(content: memoryview, boundary: bytes) -> Iterator[Piece]:
    """Yield what follows each delimiter of *boundary*, to the line end before the next one."""
    # What precedes the first delimiter is left out. One that is missing at the end is not made up:
    # then no piece is closed.
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        return
    start: int | None = None
    closed = False
    for delimiter in _delimiter(boundary).finditer(content):
        if start is not None:
            yield Piece(content[start : max(start, _end(content, delimiter.start()))], closed)
        start, closed = delimiter.end(), delimiter[1] is not None
    if start is not None:
        yield Piece(content[start:], closed)


def _delimiter(boundary: bytes) -> re.Pattern[bytes]:
    # It begins with plain bytes, which the regex engine looks for fast. They must stand at the
    # start of a line.
    plain = re.escape(b"--" + boundary)
    at_start = b"(?:(?<=\\n" + plain + b")|(?<=\\A" + plain + b"))"
    return re.compile(plain + at_start + rb"(--)?[ \t]*+(?:\r*+\n|\r*+\Z)")


def _end(content: memoryview, start: int) -> int:
    """Return where what stands before the delimiter at *start* ends: at its line end."""
    line_end = bytes(content[max(0, start - 2) : start])
    return start - (2 if line_end == b"\r\n" else line_end.endswith(b"\n"))
