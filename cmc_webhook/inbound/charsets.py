"""
Decodes the bytes of a mail, even if its charset is unknown or wrong. Pure.

Japanese mail often names a standard charset and uses Microsoft's superset of it, which has ① and
髙. Python has a codec for the superset of Shift_JIS only: cp932. The bytes of the supersets of
ISO-2022-JP and EUC-JP are converted to cp932 by arithmetic.
"""

import codecs
import encodings
import pkgutil
import re
from collections.abc import Callable, Iterator
from encodings.aliases import aliases

# Charset names in mail that Python does not know.
_ALIASES = {
    **dict.fromkeys(("cp50220", "cp50221", "cp50222", "iso-2022-jp-ms"), "iso2022_jp"),
    **dict.fromkeys(("cp51932", "eucjp-ms", "eucjp-win", "x-euc-jp"), "euc_jp"),
    **dict.fromkeys(("x-sjis", "x-ms-cp932", "windows-932"), "cp932"),
}
# Python caches every name that it looks up, known or not, without a limit: ask for these only.
_KNOWN = {*aliases, *(module.name for module in pkgutil.iter_modules(encodings.__path__))}
# Codecs that are not charsets of mail; the first two take quadratic time.
_REFUSED = {"punycode", "idna", "unicode_escape", "raw_unicode_escape"}
# What cp932 decodes bytes to that are not assigned in Shift_JIS.
_UNASSIGNED = re.compile("[\x80\xa0\uf8f0-\uf8f3]")
# Possessive quantifiers: the regex must not keep states for backtracking into a long run.
_JIS_RUN = re.compile(rb"(\x1b\$[@B]|\x1b\([BIJ]|^)([^\x1b]*+)")
_EUC_RUN = re.compile(rb"([\x00-\x7f]++)|\x8e([\xa1-\xdf])|((?:[\xa1-\xfe]{2})++)")
# Candidates for undeclared text, strictest first: text in a later charset usually fails to decode
# in an earlier one.
_GUESSES = ("utf-8", "iso2022_jp", "euc_jp", "cp932")


def decode(content: bytes, charset: str = "utf-8") -> str:
    """Return the text of *content*; as UTF-8 with replacement characters if no charset fits."""
    text = decode_or_none(content, charset)
    return content.decode(errors="replace") if text is None else text


def decode_or_none(content: bytes, charset: str) -> str | None:
    """Return the text of *content* in *charset*, or in the first candidate that fits, or None."""
    for name in (charset, *_GUESSES):
        try:
            known_name = _ALIASES.get(name.lower(), name)
            if encodings.normalize_encoding(known_name).lower() not in _KNOWN:
                continue
            codec = codecs.lookup(known_name).name
            if codec not in _REFUSED:
                return _DECODERS.get(codec, lambda c, codec=codec: c.decode(codec))(content)
        except (LookupError, ValueError):  # not a charset of text, or bytes that are not in it
            continue
    return None


def _shift_jis(content: bytes) -> str:
    text = content.decode("cp932")
    if _UNASSIGNED.search(text):
        raise ValueError("unassigned bytes")
    return text


def _iso_2022_jp(content: bytes) -> str:
    try:
        return content.decode("iso2022_jp_ext")
    except UnicodeDecodeError:
        return "".join(_run(run[1], run[2]) for run in _runs(_JIS_RUN, content))


def _run(escape: bytes, run: bytes) -> str:
    if escape.startswith(b"\x1b$"):
        return _shifted(run).decode("cp932")
    if escape == b"\x1b(I":
        return bytes(byte | 0x80 for byte in run).decode("cp932")
    return run.decode("ascii")


def _euc_jp(content: bytes) -> str:
    try:
        return content.decode("euc_jp")
    except UnicodeDecodeError:
        shifted = bytearray()
        for run in _runs(_EUC_RUN, content):
            shifted += run[1] or run[2] or _shifted(bytes(byte & 0x7F for byte in run[3]))
        return shifted.decode("cp932")


def _runs(pattern: re.Pattern[bytes], content: bytes) -> Iterator[re.Match[bytes]]:
    """Yield the matches that *content* consists of. Raises ValueError at a gap."""
    end = 0
    for run in pattern.finditer(content):
        if run.start() != end:
            break
        end = run.end()
        yield run
    if end != len(content):
        raise ValueError("bytes of another charset")


def _shifted(jis: bytes) -> bytes:
    """Convert pairs of bytes of JIS X 0208, each from 0x21 to 0x7e, to Shift_JIS."""
    moved = bytearray()
    for row, cell in zip(jis[::2], jis[1::2], strict=True):
        lead = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
        odd = 0x1F if cell < 0x60 else 0x20
        moved += bytes((lead, cell + (odd if row % 2 else 0x7E)))
    return bytes(moved)


_DECODERS: dict[str, Callable[[bytes], str]] = {
    "shift_jis": _shift_jis,
    "cp932": _shift_jis,
    "iso2022_jp": _iso_2022_jp,
    "euc_jp": _euc_jp,
}
