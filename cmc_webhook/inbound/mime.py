"""Reads the contents of a whole mail, however it is built. Pure.

Not with the standard library's parser: it takes a part without header fields for none, rewrites
attached mails, and depends on Python's version in what it makes of a broken mail. Here a part is
the bytes between two delimiters.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cmc_webhook.inbound import multipart
from cmc_webhook.inbound.headers import Headers, content_type, split_head
from cmc_webhook.inbound.mail import Attachment, Contents, Text, UnreadableMail
from cmc_webhook.inbound.parameters import read_parameters
from cmc_webhook.inbound.transfer import decode_transfer
from cmc_webhook.reasons import Reason

# Each level searches its content once more.
_DEEPEST = 20
_BODIES = ("text/plain", "text/html")
# The first delimiter of a multipart whose boundary is not given or wrong.
_FIRST_DELIMITER = re.compile(rb"(?:\A|\n)--(\S[^\r\n]{0,199})\r*\n(?=Content-)", re.I)


@dataclass(slots=True)
class _Found:
    """What is in a part: its texts by type, and its files, each in order."""

    texts: dict[str, list[Text]] = field(default_factory=lambda: {kind: [] for kind in _BODIES})
    files: list[Attachment] = field(default_factory=list)


class _Reader:
    """Reads one mail; counts its parts."""

    def __init__(self) -> None:
        self._parts = 0
        # The first text of each type that has a file name, a body if the mail has no other.
        self.named: dict[str, list[Text]] = {}
        # Mails that are shown in this one, its body if it has no other.
        self.inline_mails: list[bytes] = []

    def read(self, headers: Headers, body: memoryview, depth: int, default: str) -> _Found:
        self._parts += 1
        if self._parts > multipart.MOST_PARTS:
            raise UnreadableMail(Reason.TOO_MANY_PARTS)
        kind, parameters = content_type(headers, default)
        if kind.startswith("multipart/") and depth < _DEEPEST:
            inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
            parts = map(split_head, _parts(body, parameters.get("boundary", "")))
            if found := [self.read(*part, depth + 1, inner) for part in parts]:
                return _one_of(found) if kind == "multipart/alternative" else _all_of(found)
            kind = "text/plain"
        return self._leaf(headers, body, kind, parameters)

    def _leaf(
        self, headers: Headers, body: memoryview, kind: str, parameters: dict[str, str]
    ) -> _Found:
        disposition, details = read_parameters(headers.first("content-disposition"))
        name = details.get("filename") or parameters.get("name") or ""
        content, footer = decode_transfer(body, headers.first("content-transfer-encoding"))
        found = _Found()
        if kind in _BODIES and disposition != "attachment":
            text = Text(content, parameters.get("charset", ""))
            if not name:
                found.texts[kind].append(text)
                if footer.strip():
                    found.texts["text/plain"].append(Text(footer))
                return found
            self.named.setdefault(kind, [text])
        elif kind == "message/rfc822" and disposition != "attachment":
            self.inline_mails.append(content)
        content_id = headers.first("content-id").strip("<> ")
        found.files.append(Attachment(content, name, kind, content_id))
        return found


def read_mime(raw: bytes) -> Contents:
    """Return the contents of the mail *raw*. Raises UnreadableMail if it has too many parts."""
    # Old programs of one system end lines with CR alone.
    readable = raw if b"\n" in raw else raw.replace(b"\r", b"\n")
    headers, body = split_head(memoryview(readable))
    reader = _Reader()
    found = reader.read(headers, body, 0, "text/plain")
    if not any(found.texts.values()):
        found.texts |= reader.named
    if not any(found.texts.values()):
        mails = [split_head(memoryview(mail)) for mail in reader.inline_mails]
        shown = [reader.read(*mail, _DEEPEST - 1, "text/plain") for mail in mails]
        found.texts = _all_of(shown).texts
    return Contents(headers, found.texts["text/plain"], found.texts["text/html"], found.files, raw)


def _parts(body: memoryview, boundary: str) -> Iterable[memoryview]:
    """Yield the parts; after a closing delimiter, too, if another delimiter follows."""
    marks = [boundary.encode(errors="replace")]
    if first := _FIRST_DELIMITER.search(body):
        marks.append(first[1].rstrip())
    for mark in marks:
        found = False
        for piece in multipart.split(body, mark):
            found = True
            if not piece.closed:
                yield piece.content
        if found:
            return


def _all_of(found: list[_Found]) -> _Found:
    texts = {kind: [text for each in found for text in each.texts[kind]] for kind in _BODIES}
    return _Found(texts, [file for each in found for file in each.files])


def _one_of(found: list[_Found]) -> _Found:
    """Return the first plain text and the last HTML of alternatives; the others are files."""
    chosen = _Found(files=[file for each in found for file in each.files])
    for kind in _BODIES:
        ways = [each.texts[kind] for each in found if any(t.content for t in each.texts[kind])]
        if kind == "text/html":
            ways.reverse()
        chosen.texts[kind] = ways[0] if ways else []
        others = (text for way in ways[1:] for text in way if text.content.strip())
        chosen.files += [Attachment(text.content, content_type=kind) for text in others]
    return chosen
