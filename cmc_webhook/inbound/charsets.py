"""Decodes the bytes of a mail: with the declared charset, else with the one that fits best. Pure.

A name means what browsers take it for (https://encoding.spec.whatwg.org): gb2312 is its superset
gb18030, iso-8859-1 is windows-1252. Japanese mail often names a standard charset and uses
Microsoft's superset of it, which has ① and 髙. Python has a codec for the superset of Shift_JIS
only: cp932. The bytes of the supersets of ISO-2022-JP and EUC-JP are converted to cp932 by
arithmetic.
"""

import codecs
import encodings
import pkgutil
import re
from collections.abc import Callable, Iterator
from encodings.aliases import aliases
from typing import NamedTuple

import webencodings  # type: ignore[import-untyped]

# Japanese names that neither Python nor the standard knows.
_ALIASES = {
    **dict.fromkeys(("cp50220", "cp50221", "cp50222", "iso-2022-jp-ms"), "iso2022_jp"),
    **dict.fromkeys(("cp51932", "eucjp-ms", "eucjp-win"), "euc_jp"),
    **dict.fromkeys(("x-ms-cp932", "windows-932"), "cp932"),
}
# Python caches every name that it looks up, known or not, without a limit: ask for these only.
_KNOWN = {*aliases, *(module.name for module in pkgutil.iter_modules(encodings.__path__))}
# Codecs that are not charsets of mail; the first two take quadratic time.
_KNOWN -= {"punycode", "idna", "unicode_escape", "raw_unicode_escape"}
# What cp932 decodes bytes to that are not assigned in Shift_JIS.
_UNASSIGNED = re.compile("[\x80\xa0\uf8f0-\uf8f3]")
# Possessive quantifiers: the regex must not keep states for backtracking into a long run.
_JIS_RUN = re.compile(rb"(\x1b\$[@B]|\x1b\([BIJ]|^)([^\x1b]*+)")
_EUC_RUN = re.compile(rb"([\x00-\x7f]++)|\x8e([\xa1-\xdf])|((?:[\xa1-\xfe]{2})++)")
_ASCII = {"ascii", "us-ascii", "ansi_x3.4-1968"}
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(rb"""<meta\b[^>]{0,200}?\bcharset\s*=\s*["']?([\w.:-]{1,40})""", re.I | re.A)
_META_WITHIN = 1_024  # bytes from the start, as in browsers
_HALF_WIDTH_KANA = re.compile("[\uff61-\uff9f]")
_KANA = re.compile("[\u3041-\u30fe\uff66-\uff9d]")
_MOST_WITHOUT_KANA = 12  # characters: a name or a title may have none
_PRIVATE_USE = re.compile("[\ue000-\uf8ff]")
_CHINESE = re.compile("[\u3000-\u3017\u4e00-\u9fff\uff01-\uff5e\u2014-\u201d]")
_FOUR_TOGETHER = re.compile("[^\x00-\x7f]{4}")
_TOGETHER = re.compile("[^\x00-\x7f]{2}")
_WINDOWS_1252 = {
    byte: bytes((byte,)).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0)
}


class Decoded(NamedTuple):
    """A text, the charset it was decoded with, and whether that was declared or is certain."""

    text: str
    charset: str
    certain: bool


def decode(content: bytes, charset: str = "", *, html: bool = False) -> Decoded:
    """Return the text of *content*, which *charset* declares, in *html* also its ``<meta>``."""
    # Undeclared UTF-8 is certain, everything else undeclared is a guess. What no charset fits has
    # U+FFFD in it.
    if not content:
        return Decoded("", charset, certain=True)
    for mark, name in _BYTE_ORDER_MARKS:
        found = _decode_as(content[len(mark) :], name) if content.startswith(mark) else None
        if found is not None:
            return Decoded(found, name, certain=True)
    declared = charset.strip(" \t\"'").lower()
    if html and declared in ("", *_ASCII) and (meta := _META.search(content[:_META_WITHIN])):
        declared = meta[1].decode().lower()
    if declared in _ASCII and not content.isascii():
        declared = ""
    if declared in ("", *_ASCII) and b"\x1b$" in content:
        declared = "iso-2022-jp"  # its escape sequences are ASCII
    if declared and (text := _decode_as(content, declared)) is not None:
        return Decoded(text, declared, certain=True)
    # Hardly a text of another charset is valid UTF-8 by accident.
    if (text := _decode_as(content, "utf-8")) is not None:
        return Decoded(text, "utf-8", certain=not declared)
    return _guess(content, declared)


def text_of(content: bytes, charset: str = "") -> str:
    """Return the text of *content*, certain or not."""
    return decode(content, charset).text


def _guess(content: bytes, declared: str) -> Decoded:
    if damaged := _damaged(content, declared) or _damaged(content, "utf-8"):
        return damaged
    for name, fits in _GUESSES.items():
        text = _decode_as(content, name)
        if text is not None and fits(text):
            return Decoded(text, name, certain=False)
    return Decoded(content.decode(errors="replace"), "utf-8", certain=False)


def _damaged(content: bytes, charset: str) -> Decoded | None:
    """Return the text if *content* is in *charset* but for a few bytes."""
    codec = _codec(charset)
    if codec is None or codec == "cp1252":
        return None
    text = content.decode("iso2022_jp_ext" if codec == "iso2022_jp" else codec, "replace")
    # A wrong charset damages about every second character.
    if text.count("\ufffd") * 10 > _beyond_ascii(text):
        return None
    return Decoded(text, charset, certain=False)


def _decode_as(content: bytes, charset: str) -> str | None:
    """Return the text of *content* in *charset*; None if it does not fit or is not known."""
    codec = _codec(charset)
    if codec is None:
        return None
    try:
        decoder = _DECODERS.get(codec)
        text = decoder(content) if decoder else content.decode(codec)
    except (LookupError, ValueError):  # not a charset of text, or bytes that are not in it
        return None
    return text.removeprefix("\ufeff")


def _codec(charset: str) -> str | None:
    name = _ALIASES.get(charset, charset)
    encoding = webencodings.lookup(name)
    if encoding and encoding.name not in ("replacement", "x-user-defined"):
        name = encoding.codec_info.name
    try:
        if encodings.normalize_encoding(name).lower() not in _KNOWN:
            return None
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):  # a NUL in the name
        return None
    return _SUPERSETS.get(codec, codec)


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


def _is_japanese(text: str) -> bool:
    """Return whether *text* can be meant, and is not made of another language's bytes."""
    # Western text has ASCII letters around each odd byte, so no two characters beyond ASCII stand
    # together; Chinese bytes become half-width katakana, or a long text without kana.
    beyond_ascii = _beyond_ascii(text)
    half_width = len(text) - len(_HALF_WIDTH_KANA.sub("", text))
    return (
        not _PRIVATE_USE.search(text)
        and (_TOGETHER.search(text) is not None or beyond_ascii * 2 > len(text))
        and half_width * 2 <= beyond_ascii
        and (beyond_ascii <= _MOST_WITHOUT_KANA or _KANA.search(text) is not None)
    )


def _is_chinese(text: str) -> bool:
    beyond_ascii = _beyond_ascii(text)
    chinese = len(text) - len(_CHINESE.sub("", text))
    return _TOGETHER.search(text) is not None and chinese * 10 >= beyond_ascii * 9


def _is_western(text: str) -> bool:
    # An escape sequence is of damaged ISO-2022-JP.
    rare = "\x1b" in text or _FOUR_TOGETHER.search(text)
    return _beyond_ascii(text) * 2 < len(text) and not rare


def _beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


_DECODERS: dict[str, Callable[[bytes], str]] = {
    "cp932": _shift_jis,
    "iso2022_jp": _iso_2022_jp,
    "euc_jp": _euc_jp,
    # Python's codec refuses the five bytes that Microsoft left out.
    "cp1252": lambda content: content.decode("latin-1").translate(_WINDOWS_1252),
}
# Python's codecs by what they are taken for where the name is known to Python only.
_SUPERSETS = {
    "shift_jis": "cp932",
    "iso2022_jp_ext": "iso2022_jp",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "iso8859-1": "cp1252",
}
# Candidates for text that is neither in its declared charset nor UTF-8, and what speaks for each;
# the strictest first.
_GUESSES: dict[str, Callable[[str], bool]] = {
    "iso2022_jp": _is_japanese,
    "euc_jp": _is_japanese,
    "cp932": _is_japanese,
    "gb18030": _is_chinese,
    "windows-1252": _is_western,
}
