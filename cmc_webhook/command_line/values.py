"""The values of options as people write them: times, words, rates, positions."""

import math
import unicodedata
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from cmc_webhook.reading import pasted
from cmc_webhook.reading.cli import Parsed
from cmc_webhook.reading.connection import settings_here
from cmc_webhook.reading.language import text, texts
from cmc_webhook.reading.texts import LANGUAGES, load
from cmc_webhook.reading.times import read_day, read_time


class WordType(click.ParamType[str]):
    """A word of the catalogue's *table*, or what it is called in any language."""

    def __init__(self, table: str, without: Collection[str] = ()) -> None:
        self.name = table
        self._without = without

    @property
    def choices(self) -> Sequence[str]:
        """The words with what they are called, as the help lists them."""
        names = self._names(texts().language)
        return [
            word if _key(word) == _key(name) else text("usage.choice", name=name, word=word)
            for word, name in names.items()
        ]

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        for language in LANGUAGES:
            for word, name in self._names(language).items():
                if _key(value) in (_key(word), _key(name)):
                    return word
        self.fail(text("usage.word", value=value, words=texts().listed(self.choices)), param, ctx)

    def _names(self, language: str) -> dict[str, str]:
        entries = ((*key.split(".", 1), name) for key, name in load(language).items())
        return {w: n for table, w, n in entries if table == self.name and w not in self._without}


def _key(word: str) -> str:
    """Return *word* as words are compared: in any width, case and way to join its parts."""
    return unicodedata.normalize("NFKC", word).strip().casefold().replace(" ", "_")


def _time(value: str) -> datetime:
    return read_time(value, settings_here().time_zone, datetime.now(UTC))


def _zone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError from error


def _text(value: str) -> str:
    if value and not value.strip():
        raise ValueError
    return value


def _rate(value: str) -> float:
    rate = float(value)
    if not 0 <= rate < math.inf:
        raise ValueError
    return rate


def _address(value: str) -> str:
    if found := pasted.address(value):
        return found
    raise ValueError


def _position(value: str) -> Any:
    from cmc_webhook.reading.queries import parse_cursor

    return parse_cursor(value)


def _id(value: str) -> str:
    from cmc_webhook.reading.queries import is_id

    if not is_id(value):
        raise ValueError
    return value


# A date or a time, in CMC_TIME_ZONE unless it has an offset.
TIME = Parsed("time", _time, "usage.time")
DAY = Parsed("day", lambda value: read_day(value, datetime.now(UTC)), "usage.time")
ZONE = Parsed("zone", _zone, "usage.zone")
# A blank text would choose all mails.
TEXT = Parsed("text", _text, "usage.blank")
# A number per second; 0 is no limit.
RATE = Parsed("number", _rate, "usage.rate")
ADDRESS = Parsed("address", _address, "usage.address")
# A position in a list, as the command that stopped there has printed it.
POSITION = Parsed("position", _position, "usage.position")
ID = Parsed("id", _id, "usage.id")
