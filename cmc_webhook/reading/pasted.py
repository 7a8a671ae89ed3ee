"""What people paste into a filter or the search box, in the forms that documents can have. Pure.

They paste from mail programs and tables: "Name <a@b>", blanks around, capital and full-width
letters, ``mailto:``, a comma behind. What is searched for is returned, the likeliest form first.
"""

import re
import unicodedata
from typing import NamedTuple

from cmc_webhook.text import ascii_lower

# In bytes; in capital letters three times as many, of which indexed fields cannot hold more.
_LONGEST = 480
# RFC 5321 allows 254 bytes.
LONGEST_ADDRESS = 320
_INSIDE = re.compile(r"<\s*([^<>]*?)\s*>")
_ADDRESS = re.compile(r'(?:"[^"]+"|[^\s,;<>"@]+)@[^\s,;<>"\'@]+')
_AROUND = " \t\r\n\"'“”‘’「」,;、。"


class Search(NamedTuple):
    """That *field* is *text*, or, if it is not *whole*, begins with it."""

    field: str
    text: str
    whole: bool = True

    @property
    def name(self) -> str:
        """A word for the field and how it is searched, in the table *search* of the texts."""
        return self.field if self.whole else f"{self.field}_begins"


def searches(text: str) -> list[Search]:
    """Return what *text* may mean in the search box; nothing tells an own id from an address."""
    pasted, ids = _half_width(text), message_ids(text)
    longest = max(len(form.encode(errors="replace")) for form in (pasted, text))
    if longest > _LONGEST or not ids[0]:
        return []
    if pasted.startswith(("@", "*@")):
        found = {"to_domain": [domain(pasted)]}
    else:
        found = {"to": recipients(text)}
        if "<" not in pasted:
            found["api_data"] = _distinct(pasted, text.strip(), pasted.upper())
        if "@" not in pasted and "." in pasted:
            found["to_domain"] = [domain(pasted)]
        # With the closing bracket it is whole; the beginning of one has none.
        found["message_id"] = _distinct(*ids[1:], f"<{ids[0]}", ids[0])
    return [Search(field, form) for field, forms in found.items() for form in forms if form]


def is_address(text: str) -> bool:
    """Return whether *text*, as people paste it, looks like the whole address of a recipient."""
    address = recipients(text)[0]
    name, _, host = address.rpartition("@")
    return bool(name) and "." in host and len(address) <= LONGEST_ADDRESS


def recipients(text: str) -> list[str]:
    """Return the forms of an address: alone and in ASCII lower case, and as it was pasted."""
    plain = ascii_lower(text.strip())
    if plain.isascii() and _ADDRESS.fullmatch(plain) and not plain.startswith("mailto:"):
        return [plain]  # a quote in front may be a part of it
    return _distinct(ascii_lower(_alone(text)), plain)


def addresses(text: str) -> list[str]:
    """Return the forms of an address alone: in ASCII lower case, and in the case of *text*."""
    return _distinct(ascii_lower(_alone(text)), _alone(text))


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


def _alone(text: str) -> str:
    """Return the address in *text*, without name, brackets and what else stands around it."""
    address = _inside(_half_width(text)).strip(_AROUND)
    return address[7:] if address[:7].lower() == "mailto:" else address


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
