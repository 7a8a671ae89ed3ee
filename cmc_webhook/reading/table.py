"""Text in columns of a terminal, where Japanese characters take two. Pure but for its width."""

import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

_GAP = 2
_NARROWEST = 6
_UNLIMITED = 1_000_000
# What no line begins or ends with in Japanese.
_NO_START, _NO_END = "、。」』)]!?ーゃゅょっァィゥェォャュョッ", "「『(["
_CONTROLS = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def terminal_width() -> int:
    """Return the columns of the terminal, and practically no limit for a pipe or a file."""
    fallback = 80 if sys.stdout.isatty() else _UNLIMITED
    return shutil.get_terminal_size((fallback, 24)).columns


def printable(text: object) -> str:
    """Return *text* as one line, without characters that move the cursor or reverse the text."""
    return "".join(map(_harmless, str(text)))


def paragraphs(text: str) -> Iterator[str]:
    """Yield the lines of *text*, wrapped to the terminal."""
    for line in text.splitlines():
        yield from wrap(printable(line.expandtabs()), terminal_width())


def width(text: str) -> int:
    """Return the columns of *text*: two for a wide character, none for a combining one."""
    return sum(map(_width, text))


def cut(text: str, most: int) -> str:
    """Return *text*, shortened with an ellipsis if it is wider than *most*."""
    if width(text) <= most:
        return text
    kept, room = "", most - 1
    for character in text:
        room -= _width(character)
        if room < 0:
            break
        kept += character
    return f"{kept}…"


def pad(text: str, columns: int) -> str:
    """Return *text* filled with spaces up to *columns*."""
    return text + " " * (columns - width(text))


def wrap(text: str, most: int) -> Iterator[str]:
    """Yield *text* in lines of at most *most* columns, broken where words are if possible."""
    text, start = text.rstrip(" "), 0
    while (end := _fitting(text, start, most)) < len(text):
        breaks = (at for at in range(end, start, -1) if _may_break(text, at))
        end = next((at for at in breaks if text[start:at].strip()), end)  # not in the indent
        yield text[start:end]
        start = end
        while text[start] == " ":
            start += 1
    yield text[start:]


def lines(rows: Sequence[Sequence[object]], total: int, elastic: Sequence[int]) -> list[list[str]]:
    """Return *rows* padded to columns, the widest of *elastic* cut until they fit *total*."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    while sum(widths) + _GAP * (len(widths) - 1) > total:
        widest = max(elastic, key=lambda column: widths[column])
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    return [
        [pad(cut(cell, room), room) for cell, room in zip(row, widths, strict=True)]
        for row in cells
    ]


def joined(cells: Iterable[str]) -> str:
    """Return a line of padded *cells*."""
    return (" " * _GAP).join(cells).rstrip()


def _may_break(text: str, at: int) -> bool:
    """Return whether a line may end before *at*: at a space, or anywhere in Japanese text."""
    before, after = text[at - 1], text[at]
    if after == " " or before == " ":
        return after == " "
    return 2 in (_width(before), _width(after)) and after not in _NO_START and before not in _NO_END


def _harmless(character: str) -> str:
    # Emoji are joined by U+200D, and new ones are unknown to an older Python.
    if character == "\u200d" or "\U0001f000" <= character <= "\U0001faff":
        return character
    if unicodedata.category(character) not in _CONTROLS:
        return character
    return " " if character.isspace() else "\ufffd"


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me") or character == "\u200d":
        return 0
    if "\U0001f300" <= character <= "\U0001faff":
        return 2
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _fitting(text: str, start: int, most: int) -> int:
    """Return the index up to which *text* from *start* fits into *most* columns."""
    for index in range(start, len(text)):
        most -= _width(text[index])
        if most < 0:
            return index
    return len(text)
