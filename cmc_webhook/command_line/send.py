"""`send`: posts test events as CMC would."""

import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line.sending import conclude, post_all
from cmc_webhook.reading.connection import settings_here
from cmc_webhook.reading.language import text
from cmc_webhook.simulator import posts, scenarios
from cmc_webhook.simulator.posting import (
    FORM,
    JSON,
    Credential,
    Message,
    is_loopback,
    without_query,
)

_END_WITH_SEED = datetime(2025, 1, 25, 5, 3, 6, tzinfo=UTC)
_FORMS = {"form": (posts.form_body, FORM), "json": (posts.json_body, JSON)}


def send(
    url: str,
    credential: Credential,
    *,
    real_url: bool,
    status: str | None,
    code: int | None,
    scenario: str | None,
    count: int,
    recipients: int,
    rate: float,
    form: str,
    version: int,
    zone: ZoneInfo | None,
    seed: int | None,
    end: datetime | None,
    concurrency: int,
) -> None:
    """Post test events: a single status, or all events of each mail."""
    if status and scenario:
        raise click.UsageError(text("usage.status_or_scenario"))
    if code and status != "bounce":
        raise click.UsageError(text("usage.code"))
    if version == 1 and form == "json":
        raise click.UsageError(text("usage.version_1"))
    if not is_loopback(url) and not real_url:
        raise click.UsageError(text("usage.real_url", url=without_query(url)))
    end = end or (datetime.now(UTC) if seed is None else _END_WITH_SEED)
    seed = random.SystemRandom().getrandbits(32) if seed is None else seed
    mailing = scenarios.Mailing(
        steps=_steps(status, code, scenario),
        count=count,
        recipients=recipients,
        version=version,
        zone=zone or settings_here().time_zone,
        last_event_at=end,
    )
    # CMC puts the events of a second into a post, a hundred at most.
    batch = min(posts.MOST_EVENTS, max(1, int(rate))) if rate else posts.MOST_EVENTS
    planned = posts.batches(scenarios.events(mailing, random.Random(seed)), batch)
    records = sum(len(post.records) for post in planned)
    counts = {"records": f"{records:,}", "posts": f"{len(planned):,}"}
    click.echo(text("sent.planned", url=without_query(url), **counts), err=True)
    again = f"--seed {seed} --end {end.isoformat(timespec='seconds')}"
    click.echo(text("sent.again", options=again), err=True)
    encode, content_type = _FORMS[form]
    messages = [
        (
            Message(encode(post, credential.api_key), content_type, credential.authorization),
            len(post.records),
        )
        for post in planned
    ]
    conclude(post_all(url, messages, rate, concurrency))


def _steps(
    status: str | None, code: int | None, scenario: str | None
) -> tuple[scenarios.Step, ...] | None:
    if status == "bounce":
        return scenarios.one_status(str(code or 2))
    if status:
        return scenarios.one_status(status)
    return scenarios.STEPS.get(scenario or "normal")
