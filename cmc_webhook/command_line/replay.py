"""`replay`: post saved bodies again."""

import json
from collections.abc import Iterator
from typing import IO, Any

import click

from cmc_webhook.command_line.sending import conclude, post_all
from cmc_webhook.reading.cli import confirm
from cmc_webhook.reading.language import text
from cmc_webhook.simulator.posting import Credential, is_loopback, saved_message, without_query


def replay(file: IO[bytes], rate: float, yes: bool, url: str, credential: Credential) -> None:
    """Post the bodies in *file* to the function again."""
    messages = [saved_message(body, credential) for body in _bodies(file)]
    if not is_loopback(url) and not yes:
        confirm(text("question.post", count=f"{len(messages):,}", url=without_query(url)))
    conclude(post_all(url, [(each, 1) for each in messages], rate))


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
            raise click.ClickException(text("posted.no_body", line=number))
        yield body
