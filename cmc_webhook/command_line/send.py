"""`send`: posts test events as CMC would."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line.sending import conclude, post_all
from cmc_webhook.reading.connection import settings_here
from cmc_webhook.reading.language import text
from cmc_webhook.simulator import posts, scenarios
from cmc_webhook.simulator.posting import (
    FORM,
    JSON,
    Answer,
    Credential,
    Message,
    is_loopback,
    without_query,
)
from cmc_webhook.simulator.posts import Post

_END_WITH_SEED = datetime(2025, 1, 25, 5, 3, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The options of the command; its help explains each."""

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
    concurrency: int


def send(
    url: str,
    credential: Credential,
    real_url: bool,
    **given: Any,
) -> None:
    """Post test events: a single status, or all events of each mail."""
    options = _Options(**given)
    _refuse_contradictions(options)
    if not is_loopback(url) and not real_url:
        raise click.UsageError(text("usage.real_url", url=without_query(url)))
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    end = options.end or (datetime.now(UTC) if options.seed is None else _END_WITH_SEED)
    zone = options.zone or settings_here().time_zone
    planned = _plan(options, zone, end, random.Random(seed))
    records = sum(len(post.records) for post in planned)
    counts = {"records": f"{records:,}", "posts": f"{len(planned):,}"}
    click.echo(text("sent.planned", url=without_query(url), **counts), err=True)
    again = f"--seed {seed} --end {end.isoformat(timespec='seconds')}"
    click.echo(text("sent.again", options=again), err=True)
    answers = _post(planned, url, credential, options)
    conclude(answers)


def _refuse_contradictions(options: _Options) -> None:
    if options.status and options.scenario:
        raise click.UsageError(text("usage.status_or_scenario"))
    if options.code and options.status != "bounce":
        raise click.UsageError(text("usage.code"))
    if options.version == 1 and options.form == "json":
        raise click.UsageError(text("usage.version_1"))


def _plan(options: _Options, zone: ZoneInfo, end: datetime, rng: random.Random) -> list[Post]:
    """Return the posts in the order in which they are sent."""
    mailing = scenarios.Mailing(
        steps=_steps(options),
        count=options.count,
        recipients=options.recipients,
        version=options.version,
        zone=zone,
        last_event_at=end,
    )
    return posts.batches(scenarios.events(mailing, rng), _batch(options))


def _steps(options: _Options) -> tuple[scenarios.Step, ...] | None:
    if options.status == "bounce":
        return scenarios.one_status(str(options.code or 2))
    if options.status:
        return scenarios.one_status(options.status)
    return scenarios.STEPS.get(options.scenario or "normal")


def _batch(options: _Options) -> int:
    """Return how many events CMC puts into a post: those of a second, a hundred at most."""
    return min(posts.MOST_EVENTS, max(1, int(options.rate))) if options.rate else posts.MOST_EVENTS


def _post(planned: list[Post], url: str, credential: Credential, options: _Options) -> list[Answer]:
    encode, content_type = {
        "form": (posts.form_body, FORM),
        "json": (posts.json_body, JSON),
    }[options.form]
    messages = [
        (
            Message(encode(post, credential.api_key), content_type, credential.authorization),
            len(post.records),
        )
        for post in planned
    ]
    return post_all(url, messages, options.rate, options.concurrency)
