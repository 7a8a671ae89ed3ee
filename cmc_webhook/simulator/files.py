"""Small files as people attach them. Pure."""

import csv
import hashlib
import io
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from cmc_webhook.simulator.received_texts import PRODUCTS


@dataclass(frozen=True, slots=True)
class File:
    """An attachment."""

    name: str
    content_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The digest of the content in hex."""
        return hashlib.sha256(self.content).hexdigest()


def files(rng: random.Random, most: int = 3) -> tuple[File, ...]:
    """Return one to *most* files of different kinds."""
    return tuple(make(rng) for make in rng.sample(_KINDS, rng.randint(1, most)))


def _quotation(rng: random.Random) -> File:
    text = f"Quotation No. {rng.randint(1000, 9999)}   JPY {rng.randint(10, 999) * 100:,}"
    return File("見積書.pdf", "application/pdf", _pdf(text))


def _orders(rng: random.Random) -> File:
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["注文番号", "商品名", "数量", "金額"])
    for product in rng.sample(PRODUCTS, 3):
        rows.writerow(
            [rng.randint(1000, 9999), product, rng.randint(1, 20), rng.randint(1, 99) * 110]
        )
    # As Excel saves it in Japan.
    return File("注文一覧(1月).csv", "text/csv", table.getvalue().encode("cp932"))


def _photo(rng: random.Random) -> File:
    return File("写真①.png", "image/png", _png(rng.randbytes(3)))


_KINDS: tuple[Callable[[random.Random], File], ...] = (_quotation, _orders, _photo)


def _pdf(text: str) -> bytes:
    """Return a page that says *text*, without brackets in it (ISO 32000-1, 7.5)."""
    drawn = f"BT /F1 14 Tf 72 760 Td ({text}) Tj ET".encode()
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font"
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        page + b"<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(drawn), drawn),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    body, places = b"%PDF-1.4\n", b"0000000000 65535 f \n"
    for number, content in enumerate(objects, 1):
        places += b"%010d 00000 n \n" % len(body)
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    size = len(objects) + 1
    trailer = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, len(body))
    return body + b"xref\n0 %d\n%b%b" % (size, places, trailer)


def _png(colour: bytes, side: int = 16) -> bytes:
    """Return a square of one colour (https://www.w3.org/TR/png-3/)."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + colour * side) * side)
    chunks = ((b"IHDR", head), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
