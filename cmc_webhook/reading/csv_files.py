"""
CSV files of other programs, and the same files with columns added. Pure but for the given file.

What was there stays as it is, byte for byte: no record is written anew, cells are added to its end.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, NamedTuple

_DELIMITERS = ",\t;"
_LOOKED_AT = 65_536
# UTF-8 and cp932 use no byte of a delimiter, a quote or a line end inside a character, so Latin-1
# finds these and gives every byte back, of broken characters too. The bytes of UTF-16 it does not.
_BOMS = {
    codecs.BOM_UTF8: ("latin-1", "utf-8"),
    codecs.BOM_UTF16_LE: ("utf-16-le", "utf-16-le"),
    codecs.BOM_UTF16_BE: ("utf-16-be", "utf-16-be"),
}
_ENCODINGS = ("utf-8", "cp932")
# Not every @ is one: it is also the second byte of many characters of cp932.
_AT = re.compile("[!-~]@")


class UnreadableFileError(Exception):
    """The file cannot be read as CSV; *key* is the text that says why, *values* are its values."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


class Row(NamedTuple):
    """A record as it stands in the file, and the text of its cell in the chosen column."""

    record: str
    columns: int
    cell: str


@dataclass(frozen=True, kw_only=True)
class CsvFile:
    """
    A file and how to read it.

    *columns* is the number in its first record, *column* the chosen one, *rows* the number of
    records below the header. Records are in *structure*, an encoding that finds delimiters,
    quotes and line ends; their text is in *encoding*.
    """

    file: IO[bytes]
    bom: bytes
    structure: str
    encoding: str
    delimiter: str
    columns: int
    column: int
    has_header: bool
    rows: int

    def records(self) -> Iterator[Row]:
        """Yield every record in order, the header too."""
        for record, cells in _records(self.file, self.bom, self.structure, self.delimiter):
            cell = cells[self.column] if self.column < len(cells) else ""
            text = cell.encode(self.structure, "surrogatepass").decode(self.encoding, "replace")
            yield Row(record, len(cells), text)

    def widened(self, row: Row, cells: Sequence[str]) -> bytes:
        """Return the record of *row* with *cells* after its last column; an empty one as it is."""
        if not row.columns:
            return row.record.encode(self.structure, "surrogatepass")
        before = row.record.rstrip("\r\n")
        line = io.StringIO()
        missing = [""] * (self.columns - row.columns)
        csv.writer(line, delimiter=self.delimiter, lineterminator="").writerow([*missing, *cells])
        added = f"{self.delimiter}{line.getvalue()}".encode(self.encoding, "replace")
        end = row.record[len(before) :].encode(self.structure)
        return before.encode(self.structure, "surrogatepass") + added + end


def open_csv(file: IO[bytes], column: str = "") -> CsvFile:
    """
    Return how to read *file*, which can seek; it is read once for that.

    The column is the one with this name, else the one with the most ``@``. Without a BOM
    the encoding is that of UTF-8 and cp932 in which fewer lines cannot be read. Raises
    UnreadableFileError.
    """
    file.seek(0)
    head = file.read(_LOOKED_AT)
    bom = next(filter(head.startswith, _BOMS), b"")
    structure, encoding = _BOMS.get(bom, ("latin-1", ""))
    if structure == "latin-1" and b"\0" in head:
        raise UnreadableFileError("check.not_csv")
    first_line = head[len(bom) :].decode(structure, "replace").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first_line.count)
    ats: Counter[int] = Counter()
    broken: Counter[str] = Counter()
    header: list[str] = []
    count = 0
    for record, cells in _records(file, bom, structure, delimiter):
        header = header or cells
        count += bool(cells)
        ats.update(n for n, cell in enumerate(cells) if "@" in cell and _AT.search(cell))
        if not encoding and not record.isascii():
            broken.update(name for name in _ENCODINGS if not _is_in(name, record))
    encoding = encoding or min(_ENCODINGS, key=lambda name: broken[name])
    names = [cell.encode(structure).decode(encoding, "replace").strip() for cell in header]
    if column and column.strip() not in names:
        raise UnreadableFileError("check.no_such_column", names=", ".join(names))
    if not (column or ats):
        raise UnreadableFileError("check.no_addresses")
    chosen = names.index(column.strip()) if column else max(sorted(ats), key=lambda n: ats[n])
    has_header = not _AT.search(header[chosen])
    return CsvFile(
        file=file,
        bom=bom,
        structure=structure,
        encoding=encoding,
        delimiter=delimiter,
        columns=len(header),
        column=chosen,
        has_header=has_header,
        rows=count - has_header,
    )


def _records(
    file: IO[bytes], bom: bytes, structure: str, delimiter: str
) -> Iterator[tuple[str, list[str]]]:
    """Yield each record as it stands in the file, and its cells. Raises UnreadableFileError."""
    file.seek(len(bom))
    lines = io.TextIOWrapper(file, structure, "surrogatepass", newline="")
    taken: list[str] = []

    def taking() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    # Strict, so that a quote that nothing closes does not take the rest of the file into its cell.
    reader = csv.reader(taking(), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            yield "".join(taken), cells
            taken.clear()
    except (csv.Error, UnicodeDecodeError) as error:
        raise UnreadableFileError("check.quotes", line=reader.line_num) from error
    finally:
        lines.detach()


def _is_in(encoding: str, record: str) -> bool:
    try:
        record.encode("latin-1").decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
