"""`send` and `replay`: post test events as CMC would, and saved bodies again."""

import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import IO, Any
from zoneinfo import ZoneInfo

import click

from cmc_webhook.reading.cli import confirm, progress_bar
from cmc_webhook.reading.connection import settings_here
from cmc_webhook.reading.language import text
from cmc_webhook.simulator import posts, rest, scenarios
from cmc_webhook.simulator.posting import (
    FORM,
    JSON,
    Answer,
    Credential,
    Message,
    Pace,
    deliver,
    is_loopback,
    post,
    saved_message,
    without_query,
)

_END_WITH_SEED = datetime(2025, 1, 25, 5, 3, 6, tzinfo=UTC)
_FORMS = {"form": (posts.form_body, FORM), "json": (posts.json_body, JSON)}
_COUNTS = ("received", "stored", "unchanged", "quarantined")


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
    lose: float,
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
    only = str(code or 2) if status == "bounce" else status
    steps = (scenarios.Step((only,)),) if only else scenarios.STEPS.get(scenario or "normal")
    mailing = scenarios.Mailing(
        steps=steps,
        count=count,
        recipients=recipients,
        version=version,
        zone=zone or settings_here().time_zone,
        last_event_at=end,
    )
    # CMC puts the events of a second into a post, a hundred at most.
    batch = min(posts.MOST_EVENTS, max(1, int(rate))) if rate else posts.MOST_EVENTS
    rng = random.Random(seed)
    events = scenarios.events(mailing, rng)
    planned = posts.batches(events, batch)
    records = sum(len(each.records) for each in planned)
    counts = {"records": f"{records:,}", "posts": f"{len(planned):,}"}
    click.echo(text("sent.planned", url=without_query(url), **counts), err=True)
    sent = [each for each in planned if rng.random() >= lose]
    if lose:
        click.echo(text("sent.lost", posts=f"{len(planned) - len(sent):,}"), err=True)
    stand_in = os.environ.get("CMC_REST_URL", "")
    if stand_in and is_loopback(stand_in):
        told = post(f"{stand_in}/lives", Message(rest.lives(events), JSON))
        click.echo(text("sent.told", url=stand_in, answer=told.text), err=True)
    again = f"--seed {seed} --end {end.isoformat(timespec='seconds')}"
    click.echo(text("sent.again", options=again), err=True)
    encode, content_type = _FORMS[form]
    header, key = credential
    messages = [Message(encode(p, key), content_type, header, len(p.records)) for p in sent]
    conclude(post_all(url, messages, rate, concurrency))


def replay(file: IO[bytes], rate: float, yes: bool, url: str, credential: Credential) -> None:
    """Post the bodies in *file* to the function again."""
    messages = [saved_message(body, credential) for body in _bodies(file)]
    if not is_loopback(url) and not yes:
        confirm(text("question.post", count=f"{len(messages):,}", url=without_query(url)))
    conclude(post_all(url, messages, rate))


def post_all(
    url: str, messages: Sequence[Message], rate: float = 0.0, senders: int = 1
) -> list[Answer]:
    """Post *messages* at *rate* events a second, 0 for no limit."""
    answers = deliver(url, messages, pace=Pace(rate), senders=senders)
    with progress_bar(answers, len(messages)) as shown:
        return list(shown)


def conclude(answers: Sequence[Answer]) -> None:
    """Print counts and times of *answers*. Raises ClickException if a post was not accepted."""
    for answer, count in sorted(Counter(answer.text for answer in answers).items()):
        click.echo(f"  {count:>6,}  {answer}")
    times = sorted(answer.seconds for answer in answers if answer.text[:1].isdigit())
    if times:
        ms = [times[int((len(times) - 1) * share)] * 1000 for share in (0.5, 0.95, 1)]
        p50, p95, longest = (f"{each:,.0f}" for each in ms)
        click.echo(text("posted.times", p50=p50, p95=p95, longest=longest))
    counts = {name: sum(answer.counts.get(name, 0) for answer in answers) for name in _COUNTS}
    click.echo(text("posted.records", **{name: f"{count:,}" for name, count in counts.items()}))
    if refused := sum(not answer.accepted for answer in answers):
        values = {"refused": f"{refused:,}", "posts": f"{len(answers):,}"}
        raise click.ClickException(text("posted.refused", **values))


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
