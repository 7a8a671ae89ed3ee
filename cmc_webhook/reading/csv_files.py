"""CSV files of other programs, and the same files with columns added.

What was there stays as it is, byte for byte: no record is written anew, cells are added to its end.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

_DELIMITERS = ",\t;"
_LOOKED_AT = 65_536
# UTF-8 and cp932 use no byte of a delimiter, a quote or a line end inside a character, so Latin-1
# finds these, and gives every byte back, of broken characters too. UTF-16 has to be decoded.
_BOMS = {
    codecs.BOM_UTF8: ("latin-1", "utf-8"),
    codecs.BOM_UTF16_LE: ("utf-16-le", "utf-16-le"),
    codecs.BOM_UTF16_BE: ("utf-16-be", "utf-16-be"),
}
_ENCODINGS = ("utf-8", "cp932")
# Not every @ is one: its byte is also the second of many characters of cp932.
_AT = re.compile("[!-~]@")


class UnreadableFileError(Exception):
    """The file cannot be read; *key* and *values* are those of the text that says why."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


class Row(NamedTuple):
    """A record as it stands in the file, how many cells it has, and that of the chosen column."""

    record: str
    cells: int
    cell: str


class CsvFile:
    """A file with addresses in one column: that with this name, else that with the most ``@``.

    The file must be able to seek; it is read once to look at it. Without a byte order mark
    the encoding is that of UTF-8 and cp932 in which fewer records are broken. *length* is
    the number of records. Raises UnreadableFileError.
    """

    def __init__(self, file: IO[bytes], column: str = "") -> None:
        file.seek(0)
        head = file.read(_LOOKED_AT)
        self._file = file
        self.bom = next(filter(head.startswith, _BOMS), b"")
        self._structure, self._encoding = _BOMS.get(self.bom, ("latin-1", ""))
        if self._structure == "latin-1" and b"\0" in head:
            raise UnreadableFileError("checked.not_csv")
        start = head[len(self.bom) :].decode(self._structure, "replace")
        self._delimiter = max(_DELIMITERS, key=start.partition("\n")[0].count)
        self.length = 0
        ats: Counter[int] = Counter()
        broken: Counter[str] = Counter()
        header: list[str] = []
        for record, cells in self._records():
            header = header or cells
            self.length += bool(cells)
            ats.update(n for n, cell in enumerate(cells) if "@" in cell and _AT.search(cell))
            if not self._encoding and not record.isascii():
                broken.update(name for name in _ENCODINGS if not _is_in(name, record))
        self._encoding = self._encoding or min(_ENCODINGS, key=lambda name: broken[name])
        names = [self._text(cell).strip() for cell in header]
        if column and column not in names:
            raise UnreadableFileError("checked.no_column", columns=", ".join(names))
        if not column and not ats:
            raise UnreadableFileError("checked.no_addresses")
        self._column = names.index(column) if column else max(sorted(ats), key=lambda n: ats[n])
        self._width = len(header)
        self.has_header = not _AT.search(header[self._column])

    def rows(self) -> Iterator[Row]:
        """Yield every record in order, a header too."""
        for record, cells in self._records():
            cell = cells[self._column] if self._column < len(cells) else ""
            yield Row(record, len(cells), self._text(cell))

    def widened(self, row: Row, added: Sequence[str]) -> bytes:
        """Return the record of *row* with these cells after its last column; a blank as it is."""
        if not row.cells:
            return self._bytes(row.record)
        line = io.StringIO()
        missing = [""] * (self._width - row.cells)
        writer = csv.writer(line, delimiter=self._delimiter, lineterminator="")
        writer.writerow([*missing, *added])
        cells = f"{self._delimiter}{line.getvalue()}".encode(self._encoding, "replace")
        record = row.record.rstrip("\r\n")
        return self._bytes(record) + cells + self._bytes(row.record[len(record) :])

    def _records(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each record as it stands in the file, and its cells."""
        self._file.seek(len(self.bom))
        lines = io.TextIOWrapper(self._file, self._structure, "surrogatepass", newline="")
        taken: list[str] = []

        def take() -> Iterator[str]:
            for line in lines:
                taken.append(line)
                yield line

        # Strict, so that a quote that nothing closes does not swallow the rest of the file.
        reader = csv.reader(take(), delimiter=self._delimiter, strict=True)
        try:
            for cells in reader:
                yield "".join(taken), cells
                taken.clear()
        except (csv.Error, UnicodeDecodeError) as error:
            raise UnreadableFileError("checked.broken", line=reader.line_num) from error
        finally:
            lines.detach()

    def _bytes(self, text: str) -> bytes:
        return text.encode(self._structure, "surrogatepass")

    def _text(self, cell: str) -> str:
        return self._bytes(cell).decode(self._encoding, "replace")


def _is_in(encoding: str, record: str) -> bool:
    try:
        record.encode("latin-1").decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
