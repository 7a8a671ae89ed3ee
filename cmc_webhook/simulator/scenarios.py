"""All events of mails as CMC reports them: which, when, and in which records. Pure.

Everything random comes from the caller's generator. Addresses are in domains and networks that
are reserved for examples.
"""

import random
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

# Subjects, addresses, and replies of other servers.
_TEXTS = tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))
COMPOSITION = "simulator"
_MTA = "mta{:02}.simulator.smtps.example"
_RETURN_PATH = "{}@return.simulator.smtps.example"
_SOURCE_IP, _SENDER_IP = "198.51.100.7", "192.0.2.{}"
_QUEUED_PER_SECOND = 200
_UUID_EPOCH = datetime(1582, 10, 15, tzinfo=UTC)
SUPPRESSED = ("10", "11")


class Step(NamedTuple):
    """A status or bounce codes, *earliest* to *latest* seconds after the event before."""

    words: tuple[str, ...]
    earliest: int = 0
    latest: int = 0


_TABLE = tomllib.loads(Path(__file__).with_name("scenarios.toml").read_text("utf-8"))
STEPS = {
    name: tuple(Step(tuple(words), *seconds) for words, *seconds in steps)
    for name, steps in _TABLE["steps"].items()
}
_CAMPAIGN = _TABLE["campaign"]
OFFERED = (*(name for name in STEPS if name != "delayed"), "campaign")


class Event(NamedTuple):
    """A record, the time of the event in UTC, and the list in which CMC posts it."""

    at: datetime
    event_type: str
    record: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """What to send.

    *steps* are the events of each mail, None for a mixture as in a campaign.
    *last_event_at*: time of the last of all events, in UTC.
    """

    steps: tuple[Step, ...] | None
    count: int
    recipients: int
    version: int
    zone: ZoneInfo
    last_event_at: datetime


def events(mailing: Mailing, rng: random.Random) -> list[Event]:
    """Return all events of *mailing* in the order in which they happen."""
    # A message id holds the time at which the mail was queued, which depends on the last event of
    # all: so the courses of all mails come first.
    courses = [
        [list(_course(mailing, rng)) for _ in range(mailing.recipients)]
        for _ in range(mailing.count)
    ]
    latest = max(
        number // _QUEUED_PER_SECOND + course[-1][0]
        for number, mail in enumerate(courses)
        for course in mail
    )
    start = mailing.last_event_at.replace(microsecond=0) - timedelta(seconds=latest)
    unordered = [
        event
        for number, mail in enumerate(courses)
        for event in _events(mail, number, start, mailing, rng)
    ]
    return sorted(unordered, key=lambda event: event.at)


def _course(mailing: Mailing, rng: random.Random) -> Iterator[tuple[int, str]]:
    steps = mailing.steps or STEPS[rng.choices([*_CAMPAIGN], [*_CAMPAIGN.values()])[0]]
    second = 0
    for step in steps:
        second += rng.randint(step.earliest, step.latest)
        yield second, rng.choice(step.words)


def _events(
    courses: list[list[tuple[int, str]]],
    number: int,
    start: datetime,
    mailing: Mailing,
    rng: random.Random,
) -> Iterator[Event]:
    queued_at = start + timedelta(seconds=number // _QUEUED_PER_SECOND)
    subject, sender = rng.choice(_TEXTS["subjects"]), rng.choice(_TEXTS["senders"])
    message_id = _message_id(queued_at, rng)
    for position, course in enumerate(courses):
        to = _recipient(number, position, rng)
        api_data = rng.choice(_TEXTS["api_data"]).format(number + 1)
        about = {"subject": subject, "messageId": message_id}
        return_path = _RETURN_PATH.format(sender.partition("@")[0])
        if mailing.version == 1:
            parties = {"envelopeFrom": return_path, "envelopeTo": to}
        else:
            parties = {"from": sender, "to": to, "returnPath": return_path, "apiData": api_data}
        reasons = _TEXTS["reasons"]
        code = next((word for _, word in course if word.isdigit()), rng.choice([*reasons]))
        if code in SUPPRESSED:
            final = _TEXTS["suppression"]
        else:
            final = rng.choice(reasons.get(code, reasons["99"]))
        for second, word in course:
            reason = rng.choice(_TEXTS["deferrals"]) if word == "deferred" else final
            text = "" if word in ("queued", "succeeded") else reason.format(to=to)
            at = queued_at + timedelta(seconds=second)
            created = at.astimezone(mailing.zone).strftime("%Y-%m-%d %H:%M:%S")
            record = {"reason": text, "created": created, **about, "status": word, **parties}
            yield _event(at, word, record)


def _message_id(at: datetime, rng: random.Random) -> str:
    """Return an id like CMC's own: a version 1 UUID with a time in the second of *at*."""
    ticks = (at - _UUID_EPOCH) // timedelta(microseconds=1) * 10 + rng.randrange(10_000_000)
    low, middle, high = ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48
    clock = rng.getrandbits(14)
    node = rng.getrandbits(48) | 1 << 40  # the multicast bit: no real network card
    fields = (low, middle, high, clock >> 8, clock & 0xFF, node)
    return f"<{uuid.UUID(fields=fields, version=1)}@{_MTA.format(rng.randint(1, 8))}>"


def _recipient(number: int, position: int, rng: random.Random) -> str:
    domains = _TEXTS["domains"]
    [domain] = rng.choices([*domains], [*domains.values()])
    name = rng.choice(_TEXTS["names"])
    return f"{name}.{number + 1:04}{chr(ord('a') + position % 26)}@{domain}"


def _event(at: datetime, word: str, record: dict[str, str]) -> Event:
    if word.isdigit():
        return Event(at, "bounces", record)
    queued = word == "queued"
    record["sourceIp"] = _SOURCE_IP if queued else ""
    record["senderIp"] = "" if queued else _SENDER_IP.format(1 + at.second % 9)
    return Event(at, "deliveries", record)
