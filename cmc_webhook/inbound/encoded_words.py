"""Decodes encoded words (RFC 2047), also those that senders write wrongly. Pure."""

import binascii
import re

from cmc_webhook.inbound.charsets import text_of
from cmc_webhook.inbound.transfer import base64_piece

_MOST_DECODED = 16 * 1024  # characters; no mailer writes longer fields with encoded words
_START = re.compile(r"=\?([^?\s]{1,64})\?([bq])\?", re.I)


def decode_words(value: str) -> str:
    """Return the beginning of *value*, encoded words decoded, without the blanks between them."""
    # A word may contain blanks and question marks, although the standard forbids it. Words of
    # one charset are decoded together: some senders split a character.
    value = value[:_MOST_DECODED]
    found: list[str] = []
    run = bytearray()
    charset = ""
    end = 0
    for start in _START.finditer(value):
        stop = value.find("?=", start.end())
        if stop < 0:
            break
        if start.start() < end:  # inside the word before
            continue
        content = _word(start[2].lower(), value[start.end() : stop])
        if content is None:
            continue
        # A language may follow the charset (RFC 2231, section 5).
        named = start[1].partition("*")[0].lower()
        gap = value[end : start.start()]
        if named != charset or not run or gap.strip():
            found.append(text_of(bytes(run), charset))
            found.append(gap if gap.strip() or not run else "")
            run.clear()
        charset = named
        run += content
        end = stop + 2
    return "".join((*found, text_of(bytes(run), charset), value[end:]))


def _word(encoding: str, content: str) -> bytes | None:
    """Return the bytes of a word; None if it is none."""
    if encoding == "q":
        if _START.search(content):  # the word has no end of its own
            return None
        return binascii.a2b_qp(content.encode(errors="replace"), header=True)
    letters = re.sub(r"\s+", "", content).rstrip("=")
    if not re.fullmatch("[A-Za-z0-9+/]*", letters):
        return None
    return base64_piece(letters.encode())
