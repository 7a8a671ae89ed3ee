"""
What people paste into a filter, in the forms that documents can have. Pure.

They paste from mail programs and tables: "Name <a@b>", blanks around, capital and full-width
letters, ``mailto:``, a comma behind. What is searched for is returned, the likeliest form first.
"""

import re
import unicodedata

from cmc_webhook.text import ascii_lower

_INSIDE = re.compile(r"<\s*([^<>]*?)\s*>")
_ADDRESS = re.compile(r'(?:"[^"]+"|[^\s,;<>"@]+)@[^\s,;<>"\'@]+')
_AROUND = " \t\r\n\"'“”‘’「」,;、。"


def recipients(text: str) -> list[str]:
    """Return the forms of an address: alone and in ASCII lower case, and as it was pasted."""
    plain = ascii_lower(text.strip())
    if plain.isascii() and _ADDRESS.fullmatch(plain) and not plain.startswith("mailto:"):
        return [plain]  # a quote in front may be a part of it
    pasted = _half_width(text)
    address = _inside(pasted).strip(_AROUND)
    if address[:7].lower() == "mailto:":
        address = address[7:]
    return _distinct(ascii_lower(address), plain)


def address(text: str) -> str:
    """Return the address that *text* is, in ASCII lower case; empty if it is none."""
    found = recipients(text)[0]
    return found if _ADDRESS.fullmatch(found) else ""


def domain(text: str) -> str:
    """Return a domain in ASCII lower case; of an address what follows the last ``@``."""
    pasted = _inside(_half_width(text)).strip(_AROUND)
    return ascii_lower(pasted.rpartition("@")[2].rstrip("."))


def message_ids(text: str) -> list[str]:
    """Return the forms of a message id: without and with angle brackets, and as it was pasted."""
    bare = _inside(_half_width(text)).strip(_AROUND)
    raw = text.strip().removeprefix("<").removesuffix(">")
    return _distinct(bare, f"<{bare}>", *([] if _half_width(raw) == raw else [raw, f"<{raw}>"]))


def _half_width(text: str) -> str:
    """Return *text* with ordinary letters for full-width ones, without invisible characters."""
    normal = unicodedata.normalize("NFKC", text)
    return "".join(c for c in normal if unicodedata.category(c) != "Cf").strip()


def _inside(text: str) -> str:
    """Return what stands between the last angle brackets, *text* if there are none."""
    found = _INSIDE.findall(text)
    return found[-1] if found else text.strip("<>")


def _distinct(*forms: str) -> list[str]:
    return [*dict.fromkeys(forms)]
