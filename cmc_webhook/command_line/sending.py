"""What the commands that post have in common: what is asked for, how it goes on and ends."""

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

from cmc_webhook.simulator.posting import (
    Answer,
    Message,
    Pace,
    Target,
    deliver,
    without_query,
)

_SEEDED_END = datetime(2025, 1, 25, 5, 3, 6, tzinfo=UTC)
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is asked for; the options of the command say what each means."""

    inbound: str | None
    status: str | None
    code: int | None
    scenario: str | None
    count: int
    recipients: int
    rate: float
    form: str
    version: int
    zone: ZoneInfo | None
    seed: int | None
    end: datetime | None
    duplicate: bool
    reorder: bool
    split: bool
    odd: bool
    cut: bool
    wrong_key: bool
    concurrency: int
    verify: bool


def seed_and_end(seed: int | None, end: datetime | None) -> tuple[int, datetime]:
    """Return what decides everything that is sent; a fixed end goes with a given seed."""
    chosen = random.SystemRandom().getrandbits(32) if seed is None else seed
    return chosen, end or (datetime.now(UTC) if seed is None else _SEEDED_END)


def announce(what: str, url: str, seed: int, end: datetime) -> None:
    """Say what is about to be sent, and how to send the same again."""
    again = f"--seed {seed} --end {end.isoformat(timespec='seconds')}"
    click.echo(f"{what} to {without_query(url)}\nThe same again with {again}", err=True)


def post_all(
    url: str, messages: Sequence[tuple[Message, int]], rate: float = 0.0, senders: int = 1
) -> list[Answer]:
    """Post *messages*, each with its number of events, and return the answers in order."""
    answers = deliver(Target(url), messages, pace=Pace(rate), senders=senders)
    hidden = not sys.stderr.isatty()
    with click.progressbar(
        answers, length=len(messages), file=sys.stderr, hidden=hidden
    ) as shown_answers:
        return list(shown_answers)


def fail_if(wrong: Sequence[str]) -> None:
    """Say what is *wrong*, as far as anybody reads it, and raise; return if nothing is."""
    for sentence in wrong[:_MOST_TOLD]:
        click.echo(sentence, err=True)
    if len(wrong) > _MOST_TOLD:
        click.echo(f"And {len(wrong) - _MOST_TOLD:,} more.", err=True)
    if wrong:
        raise click.ClickException("Not everything is as it must be.")
