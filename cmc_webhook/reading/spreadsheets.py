"""Mails as CSV for Excel in Japan: UTF-8 with a byte order mark, formulas disabled. Pure."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.times import shown
from cmc_webhook.status.document import FIELDS

BOM = "\ufeff"
_COLUMNS = (
    *(name for name in FIELDS if name not in ("events", "schema_version")),
    *("first_received_at", "last_received_at"),
)
# Text that begins like this, after blanks and in any width, is a formula to a spreadsheet:
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@")
_INVISIBLE = "CZM"  # the categories of control characters, blanks and marks
# Without brackets, quotes, blanks, `|` and `!` a formula cannot call a function or a program, so
# an address is never changed, even if it begins like a formula.
_ADDRESS = re.compile(r"[\w.#$%&'*+/=?^`{}~-]+@[\w.-]+")
_REVERSING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def csv_lines(mails: Iterable[Document], zone: ZoneInfo, with_head: bool) -> Iterator[str]:
    """Yield the head, if it is asked for, and a line for each mail; times are in *zone*."""
    if with_head:
        yield BOM + csv_line(("id", *_COLUMNS))
    for mail in mails:
        cells = (mail.stored.get(column) for column in _COLUMNS)
        yield csv_line(safe_cell(shown(value, zone)) for value in (mail.id, *cells))


def csv_line(cells: Iterable[str]) -> str:
    """Return one line of *cells* as they are."""
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def safe_cell(text: str) -> str:
    """Return *text* so that a spreadsheet takes it for no formula; an address is not changed."""
    if not text.isprintable():
        controls = {ord(c): "\ufffd" for c in set(text) if _is_control(c)}
        text = text.replace("\r\n", "\n").translate(controls)
    return f"'{text}" if _is_formula(text) else text


def _is_formula(text: str) -> bool:
    first = next((c for c in text if unicodedata.category(c)[0] not in _INVISIBLE), "")
    return unicodedata.normalize("NFKC", first) in _FORMULA and not _ADDRESS.fullmatch(text)


def _is_control(character: str) -> bool:
    """Return whether a terminal would obey *character*, or it reverses the text after it."""
    if character in "\t\n":
        return False
    category = unicodedata.category(character)
    return category in ("Cc", "Zl", "Zp") or unicodedata.bidirectional(character) in _REVERSING
