"""The documents of this repository, read by machine: headings, links, tables and code."""

import itertools
import re
import textwrap
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^ *```(\S*)\n(.*?)^ *```$", re.M | re.S)
_INLINE = re.compile(r"(`+) ?(.*?) ?\1", re.S)
_LINK = re.compile(r'\]\(([^)\s]+)\)|src="([^"]+)"')


class Markdown:
    """A text in Markdown."""

    def __init__(self, text):
        self.text = text
        self.prose = _FENCE.sub("", text)

    def sections(self):
        """Return what stands before the first heading, then each heading with what follows it."""
        fences = [fence.span() for fence in _FENCE.finditer(self.text)]
        marks = [mark.start() for mark in re.finditer(r"^#+ ", self.text, re.M)]
        starts = [m for m in marks if not any(start < m < end for start, end in fences)]
        limits = itertools.pairwise([0, *starts, len(self.text)])
        return [Markdown(self.text[start:end]) for start, end in limits]

    def fences(self):
        """Return the language and the text of each fenced block."""
        return [(language, textwrap.dedent(text)) for language, text in _FENCE.findall(self.text)]

    def blocks(self, language):
        """Return the fenced blocks of *language*."""
        return [text for found, text in self.fences() if found == language]

    def codes(self):
        """Return what stands between backticks in the prose."""
        return [" ".join(text.split()) for _, text in _INLINE.findall(self.prose)]

    def headings(self):
        """Return the level and the text of each heading."""
        found = re.findall(r"^(#+) (.*)$", self.prose, re.M)
        return [(len(marks), text) for marks, text in found]

    def anchors(self):
        """Return what a link may name after its ``#``, as GitHub makes it of the headings."""
        seen = Counter()
        anchors = []
        for _, text in self.headings():
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            anchors.append(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
        return anchors

    def links(self):
        """Return where the links and pictures point to."""
        return [link or source for link, source in _LINK.findall(_INLINE.sub("", self.prose))]

    def tables(self):
        """Return each table as a list of rows, its headings first; a row is a list of cells."""
        found = re.findall(r"(?:^\|.*\|$\n?)+", self.prose, re.M)
        return [[_cells(line) for i, line in enumerate(t.splitlines()) if i != 1] for t in found]

    def table(self, *headings):
        """Return the rows, without the headings, of the one table with these *headings*."""
        [rows] = self.all_tables(*headings)
        return rows

    def all_tables(self, *headings):
        """Return the rows of every table with these *headings*."""
        return [rows for head, *rows in self.tables() if head == list(headings)]


class Document(Markdown):
    """A document in Markdown; *path* is relative to the repository."""

    def __init__(self, path):
        self.path = str(path)
        self.file = ROOT / path
        super().__init__(self.file.read_text())


def all_documents():
    """Return every document of the repository."""
    found = [*ROOT.glob("*.md")]
    for folder in (".github", ".ci", "cmc_webhook", "tests"):
        found += (ROOT / folder).rglob("*.md")
    return [Document(path.relative_to(ROOT)) for path in sorted(found)]


def code(cell):
    """Return what a cell has between its backticks, if that is all of it, else nothing."""
    match = re.fullmatch(r"`+ ?([^`]*?) ?`+", cell)
    return match[1] if match else ""


def names(cell):
    """Return each word between backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def _cells(line):
    cells = re.split(r"(?<!\\)\|", line)[1:-1]
    return [cell.strip().replace(r"\|", "|") for cell in cells]
