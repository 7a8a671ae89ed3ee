"""Command-line options of the page and the commands: which Firestore, and which function."""

import click

from cmc_webhook.reading.cli import Parsed, Together, option
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.language import text
from cmc_webhook.simulator import posting


def _url(value: str) -> str:
    posting.parse_url(value)
    return value


def _credential(bearer: str, body_key: str, basic: str) -> posting.Credential:
    if sum(map(bool, (bearer, body_key, basic))) > 1:
        raise click.UsageError(text("usage.one_credential"))
    if not (bearer.isascii() and bearer.isprintable()):
        raise click.UsageError(text("usage.bearer"))
    if basic and ":" not in basic:
        raise click.UsageError(text("usage.basic"))
    if bearer:
        return posting.bearer(bearer)
    return posting.basic(basic) if basic else posting.Credential(api_key=body_key)


firestore_options = Together(
    "where",
    FirestoreOptions,
    option("--project", default=""),
    option("--database", default=""),
    option("-q", "--quiet", is_flag=True),
)
function_options = (
    option("--url", default="http://localhost:8080", type=Parsed("url", _url, "usage.url")),
    Together(
        "credential",
        _credential,
        option("--bearer", default="", metavar="KEY"),
        option("--body-key", default="", metavar="KEY"),
        option("--basic", default="", metavar="USER:PASSWORD"),
    ),
)
