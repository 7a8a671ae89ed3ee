"""What strangers sent, as files that a browser saves and never shows."""

import os
import re
import unicodedata
from typing import IO

from flask import Response, send_file

_LONGEST_NAME = 200
# Characters that end a header, part a path, or let "exe.pdf" be read as "fdp.exe".
_UNSAFE_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
_UNSAFE = re.compile(r'["%*/:<>?\\|]')


def download(file: IO[bytes], name: str) -> Response:
    """Answer with *file*, which stands at its end, to be saved under *name*."""
    size = file.tell()
    file.seek(0)
    response = send_file(
        file,
        "application/octet-stream",
        as_attachment=True,
        download_name=name,
        conditional=False,  # there are no parts of it to be had, nor a time
    )
    response.content_length = size
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def safe_name(told: str, otherwise: str) -> str:
    """Return the file name that a stranger told without what does harm in one."""
    kept = [c for c in told if unicodedata.category(c) not in _UNSAFE_CATEGORIES]
    stem, suffix = os.path.splitext(_UNSAFE.sub("_", "".join(kept)).strip(" ."))
    return _cut(stem, _LONGEST_NAME - len(suffix.encode())) + suffix if stem else otherwise


def _cut(text: str, size: int) -> str:
    return text.encode()[: max(0, size)].decode(errors="ignore")
