"""The texts of the page and the commands, each file in both languages.

`en.toml` and `ja.toml` have the words of the documents and the texts of the page,
`commands.en.toml` and `commands.ja.toml` those of the commands. Another room may have texts of its
own in its folder `texts`: all are one catalogue, in which no two files have the same table.

A key is the name of a table and of an entry in it: "page.title". Texts may hold placeholders of
str.format. The tables status, cause, class, diagnosis, quarantine, period, search and searched have
an entry for each word that documents, queries or addresses use. `x_happened`, `x_customer` and
`x_todo` say what an entry of the table x means, what to tell the customer, and what to do; see
reading/meanings.py.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "ja")


class Texts:
    """The texts in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._between_sentences = "" if language == "ja" else " "
        self._texts = load(language)

    def text(self, key: str, **values: object) -> str:
        """Return the text with *values* in its placeholders. Raises KeyError."""
        return self._texts[key].format(**values)

    def sentences(self, keys: Iterable[str], **values: object) -> str:
        """Return the texts of *keys* as one paragraph. Raises KeyError."""
        return self.joined(self.text(key, **values) for key in keys)

    def joined(self, sentences: Iterable[str]) -> str:
        """Return *sentences* as one paragraph."""
        return self._between_sentences.join(sentences)

    def listed(self, items: Iterable[str]) -> str:
        """Return *items* as a list in a sentence."""
        return ("、" if self.language == "ja" else ", ").join(items)

    def name(self, table: str, word: str) -> str:
        """Return the text for *word* in *table*; an unknown word stands for itself."""
        return self._texts.get(f"{table}.{word}", word)

    def translated(self, sentence: str) -> str:
        """Return *sentence* of a program that knows English alone, such as a function.

        The table `sentence` has its form, with placeholders, as key.
        """
        for key, text in self._texts.items():
            if key.startswith("sentence."):
                form = re.escape(key.removeprefix("sentence."))
                parts = re.fullmatch(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", form), sentence, re.S)
                if parts:
                    return text.format(**parts.groupdict())
        return sentence

    def duration(self, length: timedelta) -> str:
        """Return *length* in its two largest units."""
        minutes, seconds = divmod(round(length.total_seconds()), 60)
        hours, minutes = divmod(minutes, 60)
        unit = "hours" if hours else "minutes" if minutes else "seconds"
        return self.text(f"duration.{unit}", hours=hours, minutes=minutes, seconds=seconds)


@cache
def load(language: str) -> Mapping[str, str]:
    """Return every text of *language* by its key."""
    files = Path(__file__).parents[2].glob(f"*/texts/*{language}.toml")
    contents = (tomllib.loads(file.read_text(encoding="utf-8")) for file in files)
    return {
        f"{table}.{name}": text
        for tables in contents
        for table, texts in tables.items()
        for name, text in texts.items()
    }
