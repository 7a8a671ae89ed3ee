"""Command-line options of the page and the commands: which Firestore, and which function."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import click

from cmc_webhook.reading.cli import Parsed, adding, option
from cmc_webhook.reading.connection import Connection, FirestoreOptions, NoConnectionError
from cmc_webhook.reading.language import text
from cmc_webhook.simulator.posting import Credential, basic, bearer, parse_url

_URL = "http://localhost:8080"


def _url(value: str) -> str:
    parse_url(value)
    return value


_OPTIONS = (
    option("--url", default=_URL, type=Parsed("url", _url, "usage.url")),
    option("--bearer", default="", metavar="KEY"),
    option("--body-key", default="", metavar="KEY"),
    option("--basic", default="", metavar="USER:PASSWORD"),
)


def firestore_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a Firestore; they become the argument *where*."""

    @option("--project", default="")
    @option("--database", default="")
    @option("-q", "--quiet", is_flag=True)
    @functools.wraps(command)
    def with_target(project: str, database: str, quiet: bool, **options: Any) -> Any:
        return command(where=FirestoreOptions(project, database, quiet), **options)

    return with_target


def connected(where: FirestoreOptions, *, check: bool = True) -> Connection:
    """Open the Firestore and name it on stderr; *check* a local one. Raises SettingsError."""
    if not where.quiet:
        click.echo(where.describe(), err=True)
    try:
        return where.connect() if check else where.open()
    except NoConnectionError as error:
        raise click.ClickException(str(error)) from error


def function_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a function; they become the arguments *url* and *credential*."""

    @adding(*_OPTIONS)
    @functools.wraps(command)
    def with_function(**options: Any) -> Any:
        kinds = {name: options.pop(name) for name in ("bearer", "body_key", "basic")}
        if sum(map(bool, kinds.values())) > 1:
            raise click.UsageError(text("usage.one_credential"))
        if not (kinds["bearer"].isascii() and kinds["bearer"].isprintable()):
            raise click.UsageError(text("usage.bearer"))
        if kinds["basic"] and ":" not in kinds["basic"]:
            raise click.UsageError(text("usage.basic"))
        return command(credential=_credential(kinds), **options)

    return with_function


def _credential(kinds: Mapping[str, str]) -> Credential:
    if kinds["bearer"]:
        return bearer(kinds["bearer"])
    if kinds["basic"]:
        return basic(kinds["basic"])
    return Credential(api_key=kinds["body_key"])
