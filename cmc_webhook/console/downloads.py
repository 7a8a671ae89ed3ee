"""Sends files that the browser saves and does not display: untrusted content, lists as CSV."""

import itertools
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO

from flask import Response, send_file

from cmc_webhook.console.site import request_texts
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.queries import Listing
from cmc_webhook.reading.spreadsheets import csv_line
from cmc_webhook.text import clean

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


def spreadsheet(
    listing: Listing,
    lines: Callable[[Iterable[Sequence[Document]]], Iterator[str]],
    cut: str,
    name: str,
) -> Response:
    """Return *lines* of *listing* as a CSV; the last one is the text *cut* if more may follow."""
    ending = request_texts().text(cut, count=f"{MOST_ROWS:,}")

    def content() -> Iterator[str]:
        pages = itertools.islice(listing.pages(_PAGE), MOST_ROWS // _PAGE)
        yield from lines(pages)
        if listing.documents_read >= MOST_ROWS:
            yield csv_line([ending])

    return as_csv(content(), name)


def as_csv(lines: Iterator[str], name: str) -> Response:
    """Return *lines* as a CSV with this name."""
    response = Response(lines, content_type="text/csv; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def safe_name(given: str, otherwise: str) -> str:
    """Return the untrusted file name *given* without harmful characters; *otherwise* if empty."""
    kept = [c for c in given if unicodedata.category(c) not in _UNSAFE_CATEGORIES]
    stem, suffix = os.path.splitext(_UNSAFE.sub("_", "".join(kept)).strip(" ."))
    room = max(0, _LONGEST_NAME - len(suffix.encode()))
    return clean(stem, room) + suffix if stem else otherwise
