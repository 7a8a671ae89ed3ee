"""Faults on the way from CMC, repeatable by seed. Pure."""

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from cmc_webhook.simulator.posts import Post
from cmc_webhook.simulator.scenarios import Event

_SHARE = 0.3
_ODD_SHARE = 0.1
_CARRIER_ADDRESSES = ("{}..{}@docomo.example", "{}.{}.@docomo.example", "-{}_{}@softbank.example")
# Changes after which a record can still be read.
_ODD: tuple[dict[str, Any], ...] = (
    {"subject": "本日限定\ud83c"},
    {"subject": "NULが\x00入った件名"},
    {"subject": "語" * 512},
    {"reason": "550 \udf89 半分の絵文字"},
    {"campaign": "知らない項目"},
)
# Changes after which a record cannot be read.
_BAD: tuple[dict[str, Any], ...] = (
    {"messageId": ""},
    {"to": "", "envelopeTo": ""},
    {"created": "0000-00-00 00:00:00"},
    {"created": "2025-01-25"},
    {"created": "1999-12-31 23:59:59"},
    {"subject": ["件名"]},
    {"apiData": {"order": 1}},
)
_UNKNOWN_STATUSES = ("opened", "sent", "処理中")


def odd(events: Iterable[Event], rng: random.Random) -> list[Event]:
    """Return *events* with odd texts and addresses, unknown statuses, and bad records."""
    addresses: dict[str, str] = {}
    result = []
    for event in events:
        event = event._replace(record=_readdressed(event.record, addresses, rng))
        result.append(event)
        if rng.random() < _ODD_SHARE:
            result.append(rng.choice(_ADDITIONS)(event, rng))
    return result


def split(posts: Iterable[Post]) -> list[Post]:
    """Return a post for each record."""
    return [post._replace(records=(record,)) for post in posts for record in post.records]


def duplicate(posts: Sequence[Post], rng: random.Random) -> list[Post]:
    """Return *posts*, some of them a second time later on."""
    timed = [(float(number), post) for number, post in enumerate(posts)]
    timed += [(rng.uniform(number, len(posts)), p) for number, p in timed if rng.random() < _SHARE]
    return [post for _, post in sorted(timed, key=lambda each: each[0])]


def reorder(posts: Sequence[Post], rng: random.Random) -> list[Post]:
    """Return the records shuffled over posts of the same sizes, and the posts shuffled too."""
    records: dict[str, list[Any]] = {}
    for post in posts:
        records.setdefault(post.event_type, []).extend(post.records)
    for pool in records.values():
        rng.shuffle(pool)
    pools = {event_type: iter(pool) for event_type, pool in records.items()}
    shuffled = [
        post._replace(records=tuple(islice(pools[post.event_type], len(post.records))))
        for post in posts
    ]
    rng.shuffle(shuffled)
    return shuffled


def _readdressed(record: dict[str, Any], addresses: dict[str, str], rng: random.Random) -> Any:
    """Return *record*, perhaps to an odd address; *addresses* holds the choice per recipient."""
    field = "to" if "to" in record else "envelopeTo"
    to = record[field]
    if to not in addresses:
        odd_address = rng.choice(_CARRIER_ADDRESSES).format(*to.partition("@")[0].split(".", 1))
        addresses[to] = odd_address if rng.random() < _ODD_SHARE else to
    return record | {field: addresses[to]}


def _changed(changes: Sequence[dict[str, Any]]) -> Callable[[Event, random.Random], Event]:
    return lambda event, rng: event._replace(record=event.record | rng.choice(changes))


def _not_a_record(event: Event, rng: random.Random) -> Event:
    return event._replace(record=f"not a record: {event.record['messageId']}")


def _unknown_status(event: Event, rng: random.Random) -> Event:
    unknown = event.record | {"status": rng.choice(_UNKNOWN_STATUSES), "reason": ""}
    return event._replace(event_type="deliveries", record=unknown)


def _repeated_later(event: Event, rng: random.Random) -> Event:
    later = datetime.fromisoformat(event.record["created"]) + timedelta(seconds=rng.randint(1, 60))
    return event._replace(record=event.record | {"created": later.isoformat(" ")})


def _unknown_code(event: Event, rng: random.Random) -> Event:
    code = rng.choice(["12", "42", 2])
    return event._replace(event_type="bounces", record=event.record | {"status": code})


_ADDITIONS: tuple[Callable[[Event, random.Random], Event], ...] = (
    *(_changed(_ODD), _changed(_ODD), _changed(_BAD), _changed(_BAD), _not_a_record),
    *(_unknown_status, _unknown_code, _repeated_later),
)
