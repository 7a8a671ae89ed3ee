"""The values of options as people write them: times, words, rates, positions."""

import math
import unicodedata
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from cmc_webhook.reading.connection import settings_here
from cmc_webhook.reading.language import text, texts
from cmc_webhook.reading.pasted import address
from cmc_webhook.reading.texts import LANGUAGES, load
from cmc_webhook.reading.times import read_time

if TYPE_CHECKING:
    from cmc_webhook.reading.queries import Cursor


class TimeType(click.ParamType[datetime]):
    """A date or a time, in CMC_TIME_ZONE unless it has an offset."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """Return it in UTC. Raises SettingsError."""
        zone = settings_here().time_zone
        try:
            return read_time(value, zone, datetime.now(UTC))
        except ValueError:
            self.fail(text("usage.time", value=value), param, ctx)


class ZoneType(click.ParamType[ZoneInfo]):
    """The name of a time zone."""

    name = "zone"

    def convert(self, value: Any, param: Any, ctx: Any) -> ZoneInfo:
        """Return the zone."""
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(text("usage.zone", value=value), param, ctx)


class TextType(click.ParamType[str]):
    """A text that is not blank: a blank one would choose all mails."""

    name = "text"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return it."""
        if value and not value.strip():
            self.fail(text("usage.blank"), param, ctx)
        return str(value)


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
        """Return the word of the documents."""
        for language in LANGUAGES:
            for word, name in self._names(language).items():
                if _key(value) in (_key(word), _key(name)):
                    return word
        self.fail(text("usage.word", value=value, words=texts().listed(self.choices)), param, ctx)

    def _names(self, language: str) -> dict[str, str]:
        entries = ((*key.split(".", 1), name) for key, name in load(language).items())
        return {w: n for table, w, n in entries if table == self.name and w not in self._without}


class RateType(click.ParamType[float]):
    """A number per second; 0 is no limit."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the number, or fail if it is negative or not finite."""
        try:
            rate = float(value)
        except ValueError:
            rate = math.nan
        if not 0 <= rate < math.inf:
            self.fail(text("usage.rate", value=value), param, ctx)
        return rate


class CursorType(click.ParamType["Cursor"]):
    """A position in a list, as the command that stopped there has printed it."""

    name = "position"

    def convert(self, value: Any, param: Any, ctx: Any) -> "Cursor":
        """Return the cursor."""
        from cmc_webhook.reading.queries import parse_cursor

        try:
            return parse_cursor(value)
        except ValueError:
            self.fail(text("usage.position", value=value), param, ctx)


class AddressType(click.ParamType[str]):
    """A mail address, as people paste it."""

    name = "address"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return it in ASCII lower case."""
        found = address(value)
        return found or self.fail(text("usage.address", value=value), param, ctx)


class IdType(click.ParamType[str]):
    """The id of a document."""

    name = "id"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return *value*, or fail if no document can have this id."""
        from cmc_webhook.reading.queries import is_id

        if not is_id(value):
            self.fail(text("usage.id", value=value), param, ctx)
        return str(value)


def _key(word: str) -> str:
    """Return *word* as words are compared: in any width, case and way to join its parts."""
    return unicodedata.normalize("NFKC", word).strip().casefold().replace(" ", "_")
