"""Reads the mailboxes in a header field, the same on every version of Python. Pure.

The standard library's reader is not used: it takes an address in a display name for the sender
(CVE-2023-27043), or rejects the whole field, depending on its version.
"""

import re
from collections.abc import Iterable

from cmc_webhook.inbound.encoded_words import decode_words
from cmc_webhook.text import one_line

# 64 before the @, 255 after it (RFC 5321, 4.5.3.1).
ADDRESS_BYTES = 320
_NAME_BYTES = 256
_MOST_ADDRESSES = 200
_MOST_VALUE = 64 * 1024  # characters of all values together
# Possessive quantifiers: the regex must not backtrack into a long value.
_TOKEN = re.compile(
    r"""
    (?P<word> =\?[^?\s]++\?[bq]\?[^?]*+\?= )
    | (?P<quoted> "(?:[^"\\]++|\\.)*+" )
    | (?P<comment> \( (?:[^()\\]++|\\.|\((?:[^()\\]++|\\.)*+\))*+ \) )
    | (?P<angle> <[^<>]*+>? )
    | (?P<stop> [,;:] )
    | (?P<blank> \s++ )
    | (?P<text> \\. | [^\s"(<,;:\\=]++ | . )
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class _Mailbox:
    """What stands between two commas."""

    def __init__(self) -> None:
        # The words of a name, or of an address without brackets; each in pieces.
        self.pieces: list[list[str]] = []
        self.comments: list[str] = []
        self.angle: str | None = None
        self.glued = False  # the next token belongs to the same word

    def add(self, kind: str, token: str) -> None:
        if kind == "angle":
            if self.angle is not None:  # it was part of the name, because it is no address
                self.pieces.append([f"<{self.angle}>"])
            self.angle = token[1:].rstrip(">").strip()
        elif kind == "comment":
            self.comments.append(_ESCAPED.sub(r"\1", token[1:-1]))
        elif kind != "blank":
            # The quotes stay until it is clear whether this is a name or "local part"@domain.
            if self.glued and kind != "word":
                self.pieces[-1].append(token)
            else:
                self.pieces.append([token])
        self.glued = kind in ("quoted", "text")

    def is_bare(self) -> bool:
        """Return whether this is one address without brackets."""
        return self.angle is None and len(self.pieces) == 1 and "@" in "".join(self.pieces[0])

    def result(self) -> dict[str, str]:
        words = ["".join(pieces) for pieces in self.pieces]
        address = self.angle
        if address is None:
            at = next((n for n, word in enumerate(words) if _is_address(word)), None)
            address = "" if at is None else words.pop(at)
        # An old form names servers on the way: <@one,@two:user@example.jp>.
        route, colon, rest = address.partition(":")
        if colon and route.startswith("@"):
            address = rest
        if '"' not in address:
            address = re.sub(r"\([^()]*\)|\s+", "", address)
        name = _readable(words) or one_line(decode_words(" ".join(self.comments)), _NAME_BYTES)
        # Many programs repeat the address as a name.
        if "@" in name and name.lower() == address.lower():
            name = ""
        found = {"address": one_line(address, ADDRESS_BYTES), "name": name}
        return {field: text for field, text in found.items() if text}


def _is_address(word: str) -> bool:
    local, at, domain = word.rpartition("@")
    return bool(local and at and domain) and not word.startswith("=?")


def _readable(words: list[str]) -> str:
    bare = (
        _ESCAPED.sub(r"\1", word[1:-1]) if len(word) > 1 and word[0] == word[-1] == '"' else word
        for word in words
    )
    return one_line(decode_words(" ".join(bare)), _NAME_BYTES).strip('", ')


def addresses(values: Iterable[str]) -> list[dict[str, str]]:
    """Return the mailboxes in header *values*: address, name, or both. Names of groups are none."""
    found: list[dict[str, str]] = []
    room = _MOST_VALUE
    for whole in values:
        value = whole[:room]
        room -= len(value)
        found += filter(None, (mailbox.result() for mailbox in _mailboxes(value)))
    return found[:_MOST_ADDRESSES]


def sender(values: Iterable[str]) -> dict[str, str] | None:
    """Return the first mailbox in *values*, or None."""
    # Its name is all that stands before its angle brackets, even another address and a comma:
    # nothing but the brackets decides whose mail it is.
    for value in values:
        mailboxes = _mailboxes(value[:_MOST_VALUE])
        decided = next((n for n, box in enumerate(mailboxes) if "@" in (box.angle or "")), None)
        if decided is not None:
            _merge(mailboxes[: decided + 1])
            mailboxes = mailboxes[decided:]
        if results := [result for box in mailboxes if (result := box.result())]:
            return next((result for result in results if "address" in result), results[0])
    return None


def _mailboxes(value: str) -> list[_Mailbox]:
    last_end_of_group = value.rfind(";")
    found: list[_Mailbox] = []
    pending = [_Mailbox()]
    for token in _TOKEN.finditer(value):
        if len(found) + len(pending) > _MOST_ADDRESSES:
            return found
        kind, text = str(token.lastgroup), token[0]
        if text == ":" and token.start() < last_end_of_group:
            pending = [_Mailbox()]  # what stood before is the name of a group
        elif "@" in (pending[-1].angle or "") and kind not in ("blank", "comment", "stop"):
            found += _merged(pending)  # the comma is missing
            pending = [_Mailbox()]
            pending[-1].add(kind, text)
        elif kind == "stop" and text != ":":
            if pending[-1].angle is not None:
                found += _merged(pending)
                pending = []
            pending.append(_Mailbox())
            if text == ";":
                found += pending[:-1]
                pending = pending[-1:]
        else:
            pending[-1].add("text" if kind == "stop" else kind, text)
    return found + (_merged(pending) if pending[-1].angle is not None else pending)


def _merged(mailboxes: list[_Mailbox]) -> list[_Mailbox]:
    """Join a name with commas to the mailbox it belongs to, the last of *mailboxes*."""
    # `Yamada, Taro <taro@example.jp>` is one mailbox, `a@example.jp, Taro <...>` two.
    first = next((n for n, box in enumerate(mailboxes) if not box.is_bare()), 0)
    _merge(mailboxes[first:])
    return [*mailboxes[:first], mailboxes[-1]]


def _merge(mailboxes: list[_Mailbox]) -> None:
    """Make all of *mailboxes* but the last a part of its name."""
    *before, last = mailboxes
    words: list[list[str]] = []
    for box in before:
        words += box.pieces
        if box.angle is not None:
            words.append([f"<{box.angle}>"])
        if words:
            words[-1] = [*words[-1], ","]
    last.pieces[:0] = words
