"""`send`: posts test events as CMC would, and verifies what became of them."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line.sending import post_all, summary
from cmc_webhook.command_line.verify import Sent, expected_outcome, verify, wrong_answers
from cmc_webhook.reading.connection import Connection, FirestoreOptions, settings_here
from cmc_webhook.reading.language import text, texts
from cmc_webhook.reading.options import connected
from cmc_webhook.simulator import chaos, posts, scenarios
from cmc_webhook.simulator.posting import (
    FORM,
    JSON,
    Answer,
    Credential,
    Message,
    is_loopback,
    without_query,
)
from cmc_webhook.simulator.posts import Manner, Post

_WRONG = Credential(authorization="Bearer wrong", api_key="wrong")
_FORGED_MAILS = 10
_END_WITH_SEED = datetime(2025, 1, 25, 5, 3, 6, tzinfo=UTC)
_MOST_SENTENCES = 20


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
    duplicate: bool
    reorder: bool
    split: bool
    odd: bool
    cut: bool
    wrong_key: bool
    concurrency: int


def send(
    where: FirestoreOptions,
    url: str,
    credential: Credential,
    verifying: bool,
    real_url: bool,
    **given: Any,
) -> None:
    """Post test events: a single status, or all events of each mail."""
    options = _Options(**given)
    _refuse_contradictions(options, credential)
    if not is_loopback(url) and not real_url:
        raise click.UsageError(text("usage.real_url", url=without_query(url)))
    connection = connected(where) if verifying else None
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
    _conclude(list(zip(planned, answers, strict=True)), zone, connection)


def _refuse_contradictions(options: _Options, credential: Credential) -> None:
    if options.status and options.scenario:
        raise click.UsageError(text("usage.status_or_scenario"))
    if options.code and options.status != "bounce":
        raise click.UsageError(text("usage.code"))
    if options.version == 1 and options.form == "json":
        raise click.UsageError(text("usage.version_1"))
    if options.wrong_key and credential == Credential():
        raise click.UsageError(text("usage.wrong_key"))


def _plan(options: _Options, zone: ZoneInfo, end: datetime, rng: random.Random) -> list[Post]:
    """Return the posts in the order in which they are sent."""

    def batched(count: int) -> list[Post]:
        mailing = scenarios.Mailing(
            steps=_steps(options),
            count=count,
            recipients=options.recipients,
            version=options.version,
            zone=zone,
            last_event_at=end,
        )
        events = scenarios.events(mailing, rng)
        return posts.batches(chaos.odd(events, rng) if options.odd else events, _batch(options))

    planned = batched(options.count)
    if options.split:
        planned = chaos.split(planned)
    faults: tuple[tuple[bool, Callable[..., list[Post]]], ...] = (
        (options.duplicate, chaos.duplicate),
        (options.reorder, chaos.reorder),
        (options.cut, chaos.cut),
    )
    for wanted, fault in faults:
        planned = fault(planned, rng) if wanted else planned
    return chaos.with_forged(planned, batched(_FORGED_MAILS) if options.wrong_key else (), rng)


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

    def message(post: Post) -> Message:
        proof = _WRONG if post.manner is Manner.WRONG_KEY else credential
        body = encode(post, proof.api_key if credential.api_key else "")
        header = proof.authorization if credential.authorization else ""
        return Message(body, content_type, header, cut=post.manner is Manner.CUT)

    messages = [(message(post), len(post.records)) for post in planned]
    return post_all(url, messages, options.rate, options.concurrency)


def _conclude(sent: Sent, zone: ZoneInfo, connection: Connection | None) -> None:
    """Print the answers and what Firestore must hold; raise ClickException if it does not."""
    for line in summary([answer for _, answer in sent]):
        click.echo(line)
    expected = expected_outcome(sent, zone).documents.values()
    statuses = Counter(document["status"][0] for document in expected)
    names = ((texts().name("status", word), count) for word, count in statuses.most_common())
    counts = ", ".join(f"{name} {count:,}" for name, count in names)
    click.echo(text("sent.expected", counts=counts or text("dashboard.none")))
    wrong = list(wrong_answers(sent))
    if connection:
        verified = verify(connection, sent, zone)
        wrong += verified.differences
        found = {
            "documents": verified.documents,
            "quarantined": verified.quarantined,
            "differences": len(verified.differences),
        }
        click.echo(text("sent.verified", **{name: f"{n:,}" for name, n in found.items()}))
    _raise_if(wrong)


def _raise_if(wrong: Sequence[str]) -> None:
    for sentence in wrong[:_MOST_SENTENCES]:
        click.echo(sentence, err=True)
    if len(wrong) > _MOST_SENTENCES:
        click.echo(text("sent.more", count=f"{len(wrong) - _MOST_SENTENCES:,}"), err=True)
    if wrong:
        raise click.ClickException(text("sent.wrong"))
