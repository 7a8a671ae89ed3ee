"""`send`: plays Customers Mail Cloud."""

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line import report
from cmc_webhook.command_line.credentials import target_options
from cmc_webhook.command_line.place import Place, Where, place_options, settings_here
from cmc_webhook.command_line.times import TimeType, ZoneType
from cmc_webhook.command_line.verify import verify
from cmc_webhook.simulator import chaos, lives, posts
from cmc_webhook.simulator.posting import (
    FORM,
    JSON,
    Answer,
    Credential,
    Message,
    Pace,
    Target,
    deliver,
    is_loopback,
)
from cmc_webhook.simulator.posts import Manner, Post

_STATUSES = ("queued", "deferred", "succeeded", "failed", "bounce")
_SEEDED_END = datetime(2025, 1, 25, 5, 3, 6, tzinfo=UTC)
_WRONG = Credential(authorization="Bearer wrong", api_key="wrong")
_FORGED_MAILS = 10
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is asked for; the options of the command say what each means."""

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


@click.command()
@click.argument("status", required=False, type=click.Choice(_STATUSES))
@click.option("--code", type=click.IntRange(1, 999), help="Code of the bounce, by default 2.")
@click.option("--scenario", type=click.Choice(lives.SCENARIOS), help="Whole lives of mails.")
@click.option("--count", default=1, type=click.IntRange(1), show_default=True, help="Mails.")
@click.option(
    "--recipients", default=1, type=click.IntRange(1, 1000), show_default=True, help="Of each mail."
)
@click.option("--rate", default=0.0, type=click.FloatRange(0), help="Events a second at most.")
@click.option(
    "--format", "form", default="form", type=click.Choice(["form", "json"]), show_default=True
)
@click.option("--version", default=2, type=click.IntRange(1, 2), show_default=True)
@click.option("--zone", type=ZoneType(), help="Time zone of the posts, by default CMC_TIME_ZONE.")
@click.option("--seed", type=int, help="The same seed sends exactly the same.")
@click.option(
    "--end", type=TimeType(), help="When the last event happens: now, or a fixed time with --seed."
)
@click.option("--duplicate", is_flag=True, help="Send some posts twice.")
@click.option("--reorder", is_flag=True, help="Shuffle records and posts.")
@click.option("--split", is_flag=True, help="Send each record by itself.")
@click.option("--odd", is_flag=True, help="Add odd texts, unknown words and bad records.")
@click.option("--cut", is_flag=True, help="Break some connections in the body, then send again.")
@click.option("--wrong-key", is_flag=True, help="Send forged posts too; needs a credential.")
@click.option(
    "--concurrency", default=1, type=click.IntRange(1, 64), show_default=True, help="Senders."
)
@click.option("--verify", is_flag=True, help="Compare Firestore with what must have come of it.")
@click.option("--real-url", is_flag=True, help="Allow a URL that is not on this machine.")
@target_options
@place_options
def send(where: Where, url: str, credential: Credential, real_url: bool, **asked: Any) -> None:
    """
    Play CMC: post STATUS, or whole lives of mails, to the function.

    All addresses are in domains reserved for examples; the server composition is
    `simulator`. Exit status 1 if a post is not accepted or --verify finds a
    difference.

    \b
    python -m cmc_webhook send queued
    python -m cmc_webhook send bounce --code 5 --bearer KEY
    python -m cmc_webhook send --scenario campaign --count 2000 --verify
    python -m cmc_webhook send --scenario late-bounce --count 50 --odd --reorder
    """
    options = Options(**asked)
    _refuse(options, url, credential, real_url)
    place = where.connect() if options.verify else None
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    end = options.end or (datetime.now(UTC) if options.seed is None else _SEEDED_END)
    zone = options.zone or settings_here().time_zone
    planned = _plan(options, zone, end, random.Random(seed))
    click.echo(
        f"{sum(len(post.records) for post in planned):,} records in {len(planned):,} posts to"
        f" {url}; again with --seed {seed} --end {end.isoformat(timespec='seconds')}",
        err=True,
    )
    answers = list(_post(planned, Target(url), credential, options))
    _conclude(list(zip(planned, answers, strict=True)), zone, place)


def _refuse(options: Options, url: str, credential: Credential, real_url: bool) -> None:
    if options.status and options.scenario:
        raise click.UsageError("Give a STATUS or a --scenario, not both.")
    if options.code and options.status != "bounce":
        raise click.UsageError("--code is for the STATUS bounce.")
    if options.version == 1 and options.form == "json":
        raise click.UsageError("CMC sends version 1 as a form only.")
    if options.wrong_key and credential == Credential():
        raise click.UsageError("--wrong-key needs the right one: --bearer, --body-key or --basic.")
    if not is_loopback(url) and not real_url:
        raise click.UsageError(f"{url} is not on this machine; if you mean it, add --real-url.")


def _plan(options: Options, zone: ZoneInfo, end: datetime, rng: random.Random) -> list[Post]:
    """Return the posts in the order in which they are sent."""

    def batched(count: int) -> list[Post]:
        mailing = lives.Mailing(
            life=_life(options),
            count=count,
            recipients=options.recipients,
            version=options.version,
            zone=zone,
            last_event_at=end,
        )
        events = lives.events(mailing, rng)
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


def _life(options: Options) -> tuple[lives.Step, ...] | None:
    if options.status == "bounce":
        return lives.one_status(str(options.code or 2))
    if options.status:
        return lives.one_status(options.status)
    return lives.LIVES.get(options.scenario or "normal")


def _batch(options: Options) -> int:
    """Return how many events CMC would collect: those of a second, a hundred at most."""
    return min(posts.MOST_EVENTS, max(1, int(options.rate))) if options.rate else posts.MOST_EVENTS


def _post(
    planned: list[Post], target: Target, credential: Credential, options: Options
) -> Iterator[Answer]:
    encode, content_type = {
        "form": (posts.form_body, FORM),
        "json": (posts.json_body, JSON),
    }[options.form]

    def message(post: Post) -> Message:
        proof = _WRONG if post.manner is Manner.WRONG_KEY else credential
        body = encode(post, proof.api_key if credential.api_key else "")
        header = proof.authorization if credential.authorization else ""
        return Message(body, content_type, header, cut=post.manner is Manner.CUT)

    answers = deliver(
        target,
        ((message(post), len(post.records)) for post in planned),
        pace=Pace(options.rate),
        senders=options.concurrency,
    )
    hidden = not sys.stderr.isatty()
    with click.progressbar(
        answers, length=len(planned), file=sys.stderr, hidden=hidden
    ) as shown_answers:
        yield from shown_answers


def _conclude(sent: list[tuple[Post, Answer]], zone: ZoneInfo, place: Place | None) -> None:
    """Say what was answered and what must have come of it; raise if something went wrong."""
    for line in report.lines(sent, zone):
        click.echo(line)
    wrong = list(report.faults(sent))
    if place:
        found = verify(place, sent, zone)
        wrong += found.wrong
        click.echo(
            f"Verified: {found.documents:,} documents, {found.quarantined:,} in quarantine;"
            f" {len(found.wrong):,} differences."
        )
    for sentence in wrong[:_MOST_TOLD]:
        click.echo(sentence, err=True)
    if wrong:
        raise click.ClickException("Not everything is as it must be.")
