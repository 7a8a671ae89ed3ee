"""Sends files that the browser saves and does not display: untrusted content, lists as CSV."""

import itertools
import os
import re
import unicodedata
from collections.abc import Iterator
from typing import IO
from zoneinfo import ZoneInfo

from flask import Response, send_file

from cmc_webhook.reading.queries import Listing
from cmc_webhook.reading.spreadsheets import csv_line, csv_lines
from cmc_webhook.reading.texts import Texts

# How many documents are read for a CSV.
MOST_ROWS = 100_000
_PAGE = 2_000
_LONGEST_NAME = 200
# Characters that end a header, separate a path, or reverse text so that "exe.pdf" reads "fdp.exe".
_UNSAFE_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
_UNSAFE = re.compile(r'["%*/:<>?\\|]')


def download(file: IO[bytes], name: str) -> Response:
    """Return *file*, which is positioned at its end, as a download with this name."""
    size = file.tell()
    file.seek(0)
    response = send_file(
        file,
        "application/octet-stream",
        as_attachment=True,
        download_name=name,
        conditional=False,  # no ranges and no modification time
    )
    response.content_length = size
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def spreadsheet(listing: Listing, zone: ZoneInfo, texts: Texts, name: str) -> Response:
    """Return *listing* as a CSV of this name; its last line says if it has been cut."""

    def lines() -> Iterator[str]:
        pages = itertools.islice(listing.pages(_PAGE), MOST_ROWS // _PAGE)
        yield from csv_lines(itertools.chain.from_iterable(pages), zone, with_head=True)
        if listing.documents_read >= MOST_ROWS:
            yield csv_line([texts.text("csv.cut", count=f"{MOST_ROWS:,}")])

    response = Response(lines(), content_type="text/csv; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def safe_name(given: str, otherwise: str) -> str:
    """Return the untrusted file name *given* without harmful characters; *otherwise* if empty."""
    kept = [c for c in given if unicodedata.category(c) not in _UNSAFE_CATEGORIES]
    stem, suffix = os.path.splitext(_UNSAFE.sub("_", "".join(kept)).strip(" ."))
    return _cut(stem, _LONGEST_NAME - len(suffix.encode())) + suffix if stem else otherwise


def _cut(text: str, size: int) -> str:
    return text.encode()[: max(0, size)].decode(errors="ignore")
