"""The language of a command: that of --lang, else that of the locale, chosen as gettext does."""

import os
import re
from collections.abc import Sequence
from contextvars import ContextVar

from cmc_webhook.reading.texts import LANGUAGES, Texts

# The first that is set names the locale.
_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
_ASKED = ContextVar("_ASKED", default="")


def ask_for_language(arguments: Sequence[str]) -> None:
    """Speak the language of --lang in *arguments*, without one that of the locale."""
    given = re.findall(rf"(?m)^--lang[=\n]({'|'.join(LANGUAGES)})$", "\n".join(arguments))
    _ASKED.set(given[-1] if given else "")


def locale_language() -> str:
    """Return the language of the environment, by default English; LANGUAGE is a list."""
    locale = next(filter(None, map(os.environ.get, _LOCALE_VARIABLES)), "C")
    # Scripts set the locale C to get the same output everywhere.
    preferred = "" if locale in ("C", "POSIX") else os.environ.get("LANGUAGE", "")
    names = (re.split("[_.@]", name)[0] for name in (*preferred.split(":"), locale))
    return next((name for name in names if name in LANGUAGES), LANGUAGES[0])


def texts() -> Texts:
    """Return the texts in the language of the command."""
    return Texts(_ASKED.get() or locale_language())


def text(key: str, **values: object) -> str:
    """Return a text in the language of the command. Raises KeyError."""
    return texts().text(key, **values)
