"""Command-line options of the page and the commands: which Firestore, and which function."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

import click

from cmc_webhook.reading.connection import Connection, FirestoreOptions, NoConnectionError
from cmc_webhook.reading.texts import LANGUAGES
from cmc_webhook.settings import SettingsError
from cmc_webhook.simulator.posting import Credential, basic, bearer, parse_url

_URL = "http://localhost:8080"
_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set decides


class BadSetting(click.ClickException):
    """A setting is wrong: one sentence, without the usage of the command, and exit status 2."""

    exit_code = 2


class UrlType(click.ParamType[str]):
    """An http or https URL."""

    name = "url"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return *value*, or fail if nothing can be posted to it."""
        try:
            parse_url(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


_OPTIONS = (
    click.option("--url", default=_URL, type=UrlType(), show_default=True, help="The function."),
    click.option("--bearer", default="", metavar="KEY", help="API key in the header."),
    click.option("--body-key", default="", metavar="KEY", help="API key in the body."),
    click.option("--basic", default="", metavar="USER:PASSWORD", help="BASIC credential."),
)


def language_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --lang; it becomes the argument *lang*."""
    return click.option(
        "--lang", type=click.Choice(LANGUAGES), default=_locale_language, help="By default yours."
    )(command)


def _locale_language() -> str:
    name = next(filter(None, map(os.environ.get, _LOCALE_VARIABLES)), "")
    return "ja" if name.startswith("ja") else "en"


def firestore_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a Firestore; they become the argument *where*."""

    @click.option("--project", default="", help="A real project; without it, the local Firestore.")
    @click.option("--database", default="", help="Its database; by default CMC_DATABASE.")
    @functools.wraps(command)
    def with_target(project: str, database: str, **options: Any) -> Any:
        return command(where=FirestoreOptions(project, database), **options)

    return with_target


def connected(where: FirestoreOptions, *, check: bool = True) -> Connection:
    """Print on stderr which Firestore it is, and open it; *check* that a local one answers."""
    try:
        click.echo(where.describe(), err=True)
        return where.connect() if check else where.open()
    except SettingsError as error:
        raise BadSetting(str(error)) from error
    except NoConnectionError as error:
        raise click.ClickException(str(error)) from error


def function_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a function; they become the arguments *url* and *credential*."""

    @functools.wraps(command)
    def with_function(**options: Any) -> Any:
        kinds = {name: options.pop(name) for name in ("bearer", "body_key", "basic")}
        if sum(map(bool, kinds.values())) > 1:
            raise click.UsageError("Give one of --bearer, --body-key and --basic.")
        if not (kinds["bearer"].isascii() and kinds["bearer"].isprintable()):
            raise click.UsageError("A key in the header must be printable ASCII. Use --body-key.")
        if kinds["basic"] and ":" not in kinds["basic"]:
            raise click.UsageError("--basic must be of the form USER:PASSWORD.")
        return command(credential=_credential(kinds), **options)

    for option in reversed(_OPTIONS):
        with_function = option(with_function)
    return with_function


def _credential(kinds: Mapping[str, str]) -> Credential:
    if kinds["bearer"]:
        return bearer(kinds["bearer"])
    if kinds["basic"]:
        return basic(kinds["basic"])
    return Credential(api_key=kinds["body_key"])
