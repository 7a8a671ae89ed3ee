"""`send`: plays Customers Mail Cloud."""

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from cmc_webhook.command_line import report
from cmc_webhook.command_line.send_received import send_received
from cmc_webhook.command_line.sending import (
    Options,
    announce,
    fail_if,
    post_all,
    seed_and_end,
)
from cmc_webhook.command_line.times import TimeType, ZoneType
from cmc_webhook.command_line.verify import verify
from cmc_webhook.reading.connection import Connection, FirestoreOptions, settings_here
from cmc_webhook.reading.options import RateType, connected, firestore_options, function_options
from cmc_webhook.simulator import chaos, lives, posts
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
from cmc_webhook.simulator.received import SENDERS

_STATUSES = ("queued", "deferred", "succeeded", "failed", "bounce")
_WRONG = Credential(authorization="Bearer wrong", api_key="wrong")
_FORGED_MAILS = 10
_ON_COMMAND_LINE = click.core.ParameterSource.COMMANDLINE
_INBOUND_URL = "http://localhost:8083"
# What means something for received mail, too.
_SHARED = {
    *("inbound", "count", "rate", "seed", "end", "duplicate", "concurrency", "verify"),
    *("real_url", "url", "bearer", "body_key", "basic", "project", "database"),
}


@click.command()
@click.argument("status", required=False, type=click.Choice(_STATUSES))
@click.option("--code", type=click.IntRange(1, 999), help="Code of the bounce, by default 2.")
@click.option(
    "--scenario",
    type=click.Choice(lives.SCENARIOS),
    metavar="NAME",
    help=f"Whole lives of mails: {', '.join(lives.SCENARIOS)}.",
)
@click.option("--count", default=1, type=click.IntRange(1), show_default=True, help="Mails.")
@click.option(
    "--recipients", default=1, type=click.IntRange(1, 1000), show_default=True, help="Of each mail."
)
@click.option("--rate", default=0.0, type=RateType(), help="Events a second at most.")
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
@click.option(
    "--inbound",
    is_flag=False,
    flag_value="both",
    type=click.Choice([*SENDERS]),
    help="Received mail instead, to port 8083 by default: CMC's, SendGrid's, or both.",
)
@click.option("--verify", is_flag=True, help="Compare Firestore with what must have come of it.")
@click.option("--real-url", is_flag=True, help="Allow a URL that is not on this machine.")
@function_options
@firestore_options
def send(
    where: FirestoreOptions, url: str, credential: Credential, real_url: bool, **asked: Any
) -> None:
    """
    Play CMC: post STATUS, or whole lives of mails.

    With --inbound, play CMC and SendGrid posting mail that people have written.

    All addresses are in domains reserved for examples; the server composition is
    `simulator`. Exit status 1 if a post is not accepted or --verify finds a
    difference.

    \b
    python -m cmc_webhook send queued
    python -m cmc_webhook send bounce --code 5 --bearer KEY
    python -m cmc_webhook send --scenario campaign --count 2000 --verify
    python -m cmc_webhook send --scenario late-bounce --count 50 --odd --reorder
    python -m cmc_webhook send --inbound --count 20 --verify
    """
    options = Options(**asked)
    if options.inbound:
        url = _refuse_meaningless(url)
    else:
        _refuse(options, credential)
    if not is_loopback(url) and not real_url:
        raise click.UsageError(
            f"{without_query(url)} is not on this machine; if you mean it, add --real-url."
        )
    connection = connected(where) if options.verify else None
    play = send_received if options.inbound else _send_statuses
    play(url, credential, options, connection)


def _refuse_meaningless(url: str) -> str:
    """Refuse options that are about statuses; return *url*, or where received mail is taken."""
    context = click.get_current_context()
    given = {p for p in context.params if context.get_parameter_source(p) is _ON_COMMAND_LINE}
    for parameter in context.command.params:
        if parameter.name in given - _SHARED:
            raise click.UsageError(f"{parameter.opts[0]} has no meaning with --inbound.")
    return url if "url" in given else _INBOUND_URL


def _refuse(options: Options, credential: Credential) -> None:
    if options.status and options.scenario:
        raise click.UsageError("Give a STATUS or a --scenario, not both.")
    if options.code and options.status != "bounce":
        raise click.UsageError("--code is for the STATUS bounce.")
    if options.version == 1 and options.form == "json":
        raise click.UsageError("CMC sends version 1 as a form only.")
    if options.wrong_key and credential == Credential():
        raise click.UsageError("--wrong-key needs the right one: --bearer, --body-key or --basic.")


def _send_statuses(
    url: str, credential: Credential, options: Options, connection: Connection | None
) -> None:
    seed, end = seed_and_end(options.seed, options.end)
    zone = options.zone or settings_here().time_zone
    planned = _plan(options, zone, end, random.Random(seed))
    records = sum(len(post.records) for post in planned)
    announce(f"{records:,} records in {len(planned):,} posts", url, seed, end)
    answers = _post(planned, url, credential, options)
    _conclude(list(zip(planned, answers, strict=True)), zone, connection)


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


def _post(planned: list[Post], url: str, credential: Credential, options: Options) -> list[Answer]:
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


def _conclude(
    sent: list[tuple[Post, Answer]], zone: ZoneInfo, connection: Connection | None
) -> None:
    """Say what was answered and what must have come of it; raise if something went wrong."""
    for line in report.lines(sent, zone):
        click.echo(line)
    wrong = list(report.faults(sent))
    if connection:
        found = verify(connection, sent, zone)
        wrong += found.wrong
        click.echo(
            f"Verified: {found.documents:,} documents, {found.quarantined:,} in quarantine;"
            f" {len(found.wrong):,} differences."
        )
    fail_if(wrong)
