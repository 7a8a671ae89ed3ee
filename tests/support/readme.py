"""README.md, read by machine: its tables and its fenced blocks."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "README.md").read_text()


def table(*headings):
    """Return the rows, as lists of cells, of the one table with these headings."""
    head = " | ".join(headings)
    [start] = [m.end() for m in re.finditer(rf"^\| {re.escape(head)} \|$", TEXT, re.M)]
    lines = TEXT[start:].lstrip("\n").splitlines()[1:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        cells = re.split(r"(?<!\\)\|", line)[1:-1]
        rows.append([cell.strip().replace(r"\|", "|") for cell in cells])
    return rows


def blocks(language):
    """Return the fenced blocks of *language*."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.M | re.S)


def code(cell):
    """Return what a cell has between its backticks, or nothing."""
    match = re.fullmatch(r"`+ ?(.*?) ?`+", cell)
    return match[1] if match else ""
