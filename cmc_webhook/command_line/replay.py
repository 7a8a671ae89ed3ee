"""`replay`: post saved bodies again."""

import json
from collections.abc import Iterator
from typing import IO, Any

import click

from cmc_webhook.command_line.sending import RateType, conclude_replay, post_all
from cmc_webhook.reading.options import function_options
from cmc_webhook.simulator.posting import Credential, is_loopback, saved_message, without_query


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--rate", default=0.0, type=RateType(), help="At most so many posts per second.")
@click.option("--yes", is_flag=True, help="Do not ask before posting to another machine.")
@function_options
def replay(file: IO[bytes], rate: float, yes: bool, url: str, credential: Credential) -> None:
    """
    Post saved bodies to the function again.

    Each line of FILE (- for standard input) is a body: a JSON object, or the text
    of a body as a JSON string. Posting a body twice changes nothing.

    \b
    python -m cmc_webhook replay envelopes.jsonl --rate 5
    gcloud logging read "$LOGS AND jsonPayload.envelope:*" --order=asc \\
      --format='value(jsonPayload.envelope)' > envelopes.jsonl
    """
    messages = [saved_message(body, credential) for body in _bodies(file)]
    if not is_loopback(url) and not yes:
        click.confirm(
            f"Post {len(messages):,} bodies to {without_query(url)}?", abort=True, err=True
        )
    conclude_replay(post_all(url, [(each, 1) for each in messages], rate))


def _bodies(file: IO[bytes]) -> Iterator[Any]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            body = json.loads(line)
            body = body.encode() if isinstance(body, str) else body
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict | bytes):
            raise click.ClickException(f"Line {number} is neither a JSON object nor a JSON string.")
        yield body
