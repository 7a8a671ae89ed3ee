"""Cleans and cuts untrusted text, and derives ids from it. Pure."""

import hashlib
import re

# Bytes of the end of a text that is cut in the middle.
_END = 200
_DECORATED = re.compile(r"<([^<>]*@[^<>]*)>\s*$")
_UNREADABLE = re.compile(r"[^A-Za-z0-9@._=-]")
_NUL_OR_SURROGATE = re.compile("[\x00\ud800-\udfff]")
# Control characters, and what Unicode breaks lines at.
_BREAKS = re.compile("[\x01-\x20\x7f-\x9f\u2028\u2029]+")


def clean(text: str, limit: int) -> str:
    """Replace NULs and lone surrogates with U+FFFD; cut to *limit* bytes of UTF-8."""
    if text.isascii() and "\x00" not in text:
        return text[:limit]
    try:
        encoded = text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        encoded = b"\x00"
    if b"\x00" in encoded:
        text = _NUL_OR_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
        encoded = text.encode()
    return text if len(encoded) <= limit else encoded[:limit].decode(errors="ignore")


def cut_in_the_middle(text: str, limit: int) -> str:
    """Return at most *limit* bytes of *text*, its beginning and its end."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    mark = " … "
    head = encoded[: limit - _END - len(mark.encode())].decode(errors="ignore")
    return f"{head}{mark}{encoded[-_END:].decode(errors='ignore')}"


def one_line(text: str, limit: int) -> str:
    """Return *text* cleaned like clean(), each run of blanks and line ends as one space."""
    return clean(_BREAKS.sub(" ", text).strip(), limit)


def ascii_lower(text: str) -> str:
    """Lower A to Z only, so that every programming language computes the same."""
    return text.lower() if text.isascii() else text.encode().lower().decode()


def domain_of(to: str) -> str:
    """Return the domain of an address, which may be decorated: ``Name <user@example.jp>``."""
    decorated = _DECORATED.search(to) if ">" in to else None
    address = decorated[1] if decorated else to
    return address.rpartition("@")[2].strip() if "@" in address else ""


def digest(*parts: str | bytes) -> str:
    """Return the SHA-256 of *parts* in hex, each prefixed with its length.

    Each part is hashed as its length in bytes of UTF-8, in decimal, a colon and the
    bytes: ("ab", "", "日") is hashed as ``2:ab0:3:日``.
    """
    sha256 = hashlib.sha256()
    for part in parts:
        encoded = part.encode() if isinstance(part, str) else part
        sha256.update(b"%d:%b" % (len(encoded), encoded))
    return sha256.hexdigest()


def mail_id(message_id: str, *parts: str | bytes) -> str:
    """Return the id of a document about the mail *message_id*, unique by *parts*.

    Four hex digits that spread the load, ``-``, the readable message id, ``.`` and
    sixteen hex digits of the digest of *parts*.
    """
    # CMC's own ids are version 1 UUIDs: ids made at the same time share a prefix and would create a
    # hotspot in Firestore.
    spread = hashlib.sha256(message_id.encode()).hexdigest()[:4]
    readable = _UNREADABLE.sub("_", message_id.removeprefix("<").removesuffix(">"))
    return f"{spread}-{readable[:200]}.{digest(*parts)[:16]}"
