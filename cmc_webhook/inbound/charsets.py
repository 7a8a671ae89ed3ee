"""
The bytes of a mail to text, whatever its charset is called and whatever it really is. Pure.

Japanese mail names a standard and uses Microsoft's superset of it, with ① and 髙, for which Python
has a codec in one case of three: cp932. The other two differ from it by arithmetic alone.
"""

import codecs
import encodings
import pkgutil
import re
from collections.abc import Callable, Iterator
from encodings.aliases import aliases

# Names that mail uses and Python does not know.
_ALIASES = {
    **dict.fromkeys(("cp50220", "cp50221", "cp50222", "iso-2022-jp-ms"), "iso2022_jp"),
    **dict.fromkeys(("cp51932", "eucjp-ms", "eucjp-win", "x-euc-jp"), "euc_jp"),
    **dict.fromkeys(("x-sjis", "x-ms-cp932", "windows-932"), "cp932"),
}
# The names that Python knows: it remembers every other that it is asked for, and for ever.
_KNOWN = {*aliases, *(module.name for module in pkgutil.iter_modules(encodings.__path__))}
# Codecs that are no charsets of text; the first two take quadratic time.
_REFUSED = {"punycode", "idna", "unicode_escape", "raw_unicode_escape"}
# What Python makes of the bytes of Shift_JIS that have no character.
_UNASSIGNED = re.compile("[\x80\xa0\uf8f0-\uf8f3]")
# Possessive, so that a long run takes no memory for ways back into it.
_JIS_RUN = re.compile(rb"(\x1b\$[@B]|\x1b\([BIJ]|^)([^\x1b]*+)")
_EUC_RUN = re.compile(rb"([\x00-\x7f]++)|\x8e([\xa1-\xdf])|((?:[\xa1-\xfe]{2})++)")
# What undeclared text may be, the strictest first: each refuses most text of those after it.
_GUESSES = ("utf-8", "iso2022_jp", "euc_jp", "cp932")


def decode(content: bytes, charset: str = "utf-8") -> str:
    """Return the text of *content*, with replacement characters where no charset fits."""
    text = read(content, charset)
    return content.decode(errors="replace") if text is None else text


def read(content: bytes, charset: str) -> str | None:
    """Return the text of *content* in *charset*, else in one that fits; None if none does."""
    for name in (charset, *_GUESSES):
        try:
            told = _ALIASES.get(name.lower(), name)
            if encodings.normalize_encoding(told).lower() not in _KNOWN:
                continue
            codec = codecs.lookup(told).name
            if codec not in _REFUSED:
                return _READERS.get(codec, lambda c, codec=codec: c.decode(codec))(content)
        except (LookupError, ValueError):  # no charset of that name; bytes that are not in it
            continue
    return None


def _shift_jis(content: bytes) -> str:
    text = content.decode("cp932")
    if _UNASSIGNED.search(text):
        raise ValueError("bytes without a character")
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
    """Yield the matches that *content* is made of, one by one; raise ValueError at a gap."""
    end = 0
    for run in pattern.finditer(content):
        if run.start() != end:
            break
        end = run.end()
        yield run
    if end != len(content):
        raise ValueError("bytes of another charset")


def _shifted(jis: bytes) -> bytes:
    """Return pairs of JIS X 0208, each byte from 0x21 to 0x7e, as Shift_JIS has them."""
    moved = bytearray()
    for row, cell in zip(jis[::2], jis[1::2], strict=True):
        lead = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
        odd = 0x1F if cell < 0x60 else 0x20
        moved += bytes((lead, cell + (odd if row % 2 else 0x7E)))
    return bytes(moved)


_READERS: dict[str, Callable[[bytes], str]] = {
    "shift_jis": _shift_jis,
    "cp932": _shift_jis,
    "iso2022_jp": _iso_2022_jp,
    "euc_jp": _euc_jp,
}
