"""Command-line options of the page and the commands: which Firestore, and which function."""

import functools
from collections.abc import Callable
from typing import Any

import click

from cmc_webhook.reading.cli import Parsed, option
from cmc_webhook.reading.connection import Connection, FirestoreOptions, is_reachable
from cmc_webhook.reading.language import text
from cmc_webhook.simulator import posting

_URL = "http://localhost:8080"


def _url(value: str) -> str:
    posting.parse_url(value)
    return value


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
    if check and where.emulator and not is_reachable(where.emulator):
        raise click.ClickException(text("place.no_answer", emulator=where.emulator))
    return where.open()


def function_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a function; they become the arguments *url* and *credential*."""

    @option("--url", default=_URL, type=Parsed("url", _url, "usage.url"))
    @option("--bearer", default="", metavar="KEY")
    @option("--body-key", default="", metavar="KEY")
    @option("--basic", default="", metavar="USER:PASSWORD")
    @functools.wraps(command)
    def with_function(bearer: str, body_key: str, basic: str, **options: Any) -> Any:
        if sum(map(bool, (bearer, body_key, basic))) > 1:
            raise click.UsageError(text("usage.one_credential"))
        if not (bearer.isascii() and bearer.isprintable()):
            raise click.UsageError(text("usage.bearer"))
        if basic and ":" not in basic:
            raise click.UsageError(text("usage.basic"))
        credential = posting.Credential(api_key=body_key)
        if bearer:
            credential = posting.bearer(bearer)
        elif basic:
            credential = posting.basic(basic)
        return command(credential=credential, **options)

    return with_function
