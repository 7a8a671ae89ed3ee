"""`send`: posts test events as CMC would, and verifies what became of them."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line.filters import TimeType, ZoneType
from cmc_webhook.command_line.sending import RateType, post_all, summary
from cmc_webhook.command_line.verify import Sent, expected_outcome, verify, wrong_answers
from cmc_webhook.reading.connection import Connection, FirestoreOptions, settings_here
from cmc_webhook.reading.options import connected, firestore_options, function_options
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

_STATUSES = ("queued", "deferred", "succeeded", "failed", "bounce")
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


@click.command()
@click.argument("status", required=False, type=click.Choice(_STATUSES))
@click.option("--code", type=click.IntRange(1, 999), help="Code of the bounce, by default 2.")
@click.option(
    "--scenario",
    type=click.Choice(scenarios.OFFERED),
    metavar="NAME",
    help=f"All events of each mail: {', '.join(scenarios.OFFERED)}.",
)
@click.option(
    "--count", default=1, type=click.IntRange(1), show_default=True, help="Number of mails."
)
@click.option(
    "--recipients",
    default=1,
    type=click.IntRange(1, 1000),
    show_default=True,
    help="Recipients per mail.",
)
@click.option("--rate", default=0.0, type=RateType(), help="At most so many events per second.")
@click.option(
    "--format",
    "form",
    default="form",
    type=click.Choice(["form", "json"]),
    show_default=True,
    help="Format of the posts.",
)
@click.option(
    "--version",
    default=2,
    type=click.IntRange(1, 2),
    show_default=True,
    help="Version of the webhook.",
)
@click.option("--zone", type=ZoneType(), help="Time zone of the posts, by default CMC_TIME_ZONE.")
@click.option("--seed", type=int, help="The same seed sends exactly the same.")
@click.option(
    "--end", type=TimeType(), help="Time of the last event: now, or a fixed time with --seed."
)
@click.option("--duplicate", is_flag=True, help="Send some posts twice.")
@click.option("--reorder", is_flag=True, help="Shuffle records and posts.")
@click.option("--split", is_flag=True, help="Send one record per post.")
@click.option("--odd", is_flag=True, help="Add odd texts, unknown statuses and bad records.")
@click.option("--cut", is_flag=True, help="Break some connections in the body, then send again.")
@click.option("--wrong-key", is_flag=True, help="Also send forged posts; needs a credential.")
@click.option(
    "--concurrency",
    default=1,
    type=click.IntRange(1, 64),
    show_default=True,
    help="Posts at the same time.",
)
@click.option("--verify", "verifying", is_flag=True, help="Compare Firestore with what was sent.")
@click.option("--real-url", is_flag=True, help="Allow a URL that is not on this machine.")
@function_options
@firestore_options
def send(
    where: FirestoreOptions,
    url: str,
    credential: Credential,
    verifying: bool,
    real_url: bool,
    **given: Any,
) -> None:
    """
    Send test events: a single STATUS, or all events of each mail.

    All addresses are in domains reserved for examples; the server composition is
    `simulator`. Exit status 1 if a post is not accepted or --verify finds a
    difference.

    \b
    python -m cmc_webhook send queued
    python -m cmc_webhook send bounce --code 5 --bearer KEY
    python -m cmc_webhook send --scenario campaign --count 2000 --verify
    python -m cmc_webhook send --scenario late-bounce --count 50 --odd --reorder
    """
    options = _Options(**given)
    _refuse_contradictions(options, credential)
    if not is_loopback(url) and not real_url:
        raise click.UsageError(
            f"{without_query(url)} is not on this machine; if you mean it, add --real-url."
        )
    connection = connected(where) if verifying else None
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    end = options.end or (datetime.now(UTC) if options.seed is None else _END_WITH_SEED)
    zone = options.zone or settings_here().time_zone
    planned = _plan(options, zone, end, random.Random(seed))
    records = sum(len(post.records) for post in planned)
    click.echo(f"{records:,} records in {len(planned):,} posts to {without_query(url)}", err=True)
    again = f"--seed {seed} --end {end.isoformat(timespec='seconds')}"
    click.echo(f"To send the same again: {again}", err=True)
    answers = _post(planned, url, credential, options)
    _conclude(list(zip(planned, answers, strict=True)), zone, connection)


def _refuse_contradictions(options: _Options, credential: Credential) -> None:
    if options.status and options.scenario:
        raise click.UsageError("Give a STATUS or a --scenario, not both.")
    if options.code and options.status != "bounce":
        raise click.UsageError("--code is for the STATUS bounce.")
    if options.version == 1 and options.form == "json":
        raise click.UsageError("CMC sends version 1 as a form only.")
    if options.wrong_key and credential == Credential():
        raise click.UsageError("--wrong-key needs the right one: --bearer, --body-key or --basic.")


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
    counts = ", ".join(f"{count:,} {status}" for status, count in statuses.most_common())
    click.echo(f"Expected documents: {counts or 'none'}.")
    wrong = list(wrong_answers(sent))
    if connection:
        verified = verify(connection, sent, zone)
        wrong += verified.differences
        click.echo(
            f"Verified: {verified.documents:,} documents, {verified.quarantined:,} in quarantine;"
            f" {len(verified.differences):,} differences."
        )
    _raise_if(wrong)


def _raise_if(wrong: Sequence[str]) -> None:
    for sentence in wrong[:_MOST_SENTENCES]:
        click.echo(sentence, err=True)
    if len(wrong) > _MOST_SENTENCES:
        click.echo(f"And {len(wrong) - _MOST_SENTENCES:,} more.", err=True)
    if wrong:
        raise click.ClickException("The result is not what was expected; see above.")
