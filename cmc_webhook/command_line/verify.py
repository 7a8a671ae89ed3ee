"""Compares Firestore with what must have come of what was sent."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cmc_webhook.command_line.report import Sent, accepted_records
from cmc_webhook.reading.connection import Connection
from cmc_webhook.reading.quarantine import Quarantine
from cmc_webhook.reading.queries import PATIENCE
from cmc_webhook.simulator.lives import COMPOSITION
from cmc_webhook.simulator.oracle import Expected, differences, outcome
from cmc_webhook.simulator.posts import Manner, Post

_AT_ONCE = 300
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Verified:
    """How much was compared, and a sentence for everything that is wrong."""

    documents: int
    quarantined: int
    wrong: list[str]


def verify(connection: Connection, sent: Sent, zone: ZoneInfo) -> Verified:
    """
    Compare every document and every bad record of *sent* with Firestore.

    Of posts that were answered with an error nobody knows what was kept: their
    documents are left out. What came with a wrong key must not be there.
    """
    due = outcome(accepted_records(sent), COMPOSITION, zone)
    lost = [p for p, answer in sent if p.manner is Manner.WHOLE and not answer.accepted]
    forged = [p for p, _ in sent if p.manner is Manner.WRONG_KEY]
    unsure = _documents_of(lost, zone)
    absent = _documents_of(forged, zone) - due.documents.keys() - unsure
    sure = {name: fields for name, fields in due.documents.items() if name not in unsure}
    found = dict(_read(connection, [*sure, *absent]))
    wrong = [f"{name}: came with a wrong key and is there." for name in absent & found.keys()]
    for name, expected in sure.items():
        wrong += _compared(name, found.get(name), expected)
    bad = set(map(_canonical, due.quarantined))
    wrong += [f"{text}: is not in quarantine." for text in bad - _quarantined(connection)]
    return Verified(len(sure), len(bad), wrong)


def _documents_of(posts: Iterable[Post], zone: ZoneInfo) -> set[str]:
    records = ((post.event_type, record) for post in posts for record in post.records)
    return set(outcome(records, COMPOSITION, zone).documents)


def _read(
    connection: Connection, names: list[str]
) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Yield the documents that are there."""
    collection = connection.client.collection(connection.collection)
    for start in range(0, len(names), _AT_ONCE):
        wanted = [collection.document(name) for name in names[start : start + _AT_ONCE]]
        for snapshot in connection.client.get_all(wanted, **PATIENCE):
            if snapshot.exists:
                yield snapshot.id, snapshot.to_dict()


def _compared(name: str, found: Mapping[str, Any] | None, expected: Expected) -> Iterator[str]:
    if found is None:
        yield f"{name}: is not there."
        return
    for field, (has, may_have) in differences(expected, found).items():
        expectation = " or ".join(map(told, may_have))
        yield f"{name}: {field} is {told(has)}, not {expectation}."


def _quarantined(connection: Connection) -> set[str]:
    kept = Quarantine(connection.client, connection.collection).of_composition(COMPOSITION)
    return {_canonical(json.loads(entry.fields["content"])) for entry in kept}


def _canonical(record: Any) -> str:
    return json.dumps(record, sort_keys=True)


def told(value: Any) -> str:
    """Return *value* as a sentence about a difference has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
