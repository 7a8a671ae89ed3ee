"""Compares the answers and Firestore with what `send` has posted."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cmc_webhook.reading.connection import Connection
from cmc_webhook.reading.language import text
from cmc_webhook.reading.quarantine import Quarantine
from cmc_webhook.reading.queries import PATIENCE
from cmc_webhook.simulator.oracle import Expected, Outcome, differences, outcome
from cmc_webhook.simulator.posting import Answer
from cmc_webhook.simulator.posts import Manner, Post
from cmc_webhook.simulator.scenarios import COMPOSITION

Sent = Sequence[tuple[Post, Answer]]
_DOCUMENTS_PER_READ = 300
_LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class Verified:
    """How many documents and quarantine entries were compared, and a sentence for each fault."""

    documents: int
    quarantined: int
    differences: list[str]


def expected_outcome(sent: Sent, zone: ZoneInfo) -> Outcome:
    """Return what Firestore must hold: the function has confirmed these records."""
    accepted = [post for post, answer in sent if answer.accepted and post.manner is Manner.WHOLE]
    return _outcome(accepted, zone)


def wrong_answers(sent: Sent) -> Iterator[str]:
    """Yield a sentence for each kind of answer that is wrong."""
    whole = [(post, answer) for post, answer in sent if post.manner is Manner.WHOLE]
    refused = Counter(answer.text for _, answer in whole if not answer.accepted)
    for answer_text, count in sorted(refused.items()):
        yield text("fault.not_accepted", count=f"{count:,}", answer=answer_text)
    for post, answer in whole:
        received = answer.counts.get("received", 0)
        if answer.accepted and received != len(post.records):
            yield text("fault.counted", records=len(post.records), received=received)
    forged = [answer for post, answer in sent if post.manner is Manner.WRONG_KEY]
    if accepted := sum(answer.accepted for answer in forged):
        yield text("fault.forged_accepted", count=f"{accepted:,}")


def verify(connection: Connection, sent: Sent, zone: ZoneInfo) -> Verified:
    """
    Compare Firestore with every document and every unreadable record of *sent*.

    Whether records are stored whose post was answered with an error is unknown:
    their documents are left out. Documents of posts with a wrong key must not exist.
    """
    expected = expected_outcome(sent, zone)
    lost = [p for p, answer in sent if p.manner is Manner.WHOLE and not answer.accepted]
    forged = [p for p, _ in sent if p.manner is Manner.WRONG_KEY]
    unknown = _outcome(lost, zone).documents.keys()
    forbidden = _outcome(forged, zone).documents.keys() - expected.documents.keys() - unknown
    certain = {n: fields for n, fields in expected.documents.items() if n not in unknown}
    found = dict(_read(connection, [*certain, *forbidden]))
    wrong = [text("fault.forged", document=name) for name in forbidden & found.keys()]
    for name, fields in certain.items():
        wrong += _compare(name, fields, found.get(name))
    unreadable = set(map(_canonical, expected.quarantined))
    missing = unreadable - _quarantined(connection)
    wrong += [text("fault.not_quarantined", record=record) for record in missing]
    return Verified(len(certain), len(unreadable), wrong)


def _outcome(posts: Iterable[Post], zone: ZoneInfo) -> Outcome:
    records = ((post.event_type, record) for post in posts for record in post.records)
    return outcome(records, COMPOSITION, zone)


def _read(connection: Connection, names: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the documents that exist."""
    collection = connection.client.collection(connection.collection)
    for start in range(0, len(names), _DOCUMENTS_PER_READ):
        wanted = [collection.document(name) for name in names[start : start + _DOCUMENTS_PER_READ]]
        for snapshot in connection.client.get_all(wanted, **PATIENCE):
            if snapshot.exists:
                yield snapshot.id, snapshot.to_dict() or {}


def _compare(name: str, expected: Expected, found: Mapping[str, Any] | None) -> Iterator[str]:
    if found is None:
        yield text("fault.missing", document=name)
        return
    for field, (has, may_have) in differences(expected, found).items():
        wanted = " / ".join(map(_shown, may_have))
        yield text("fault.other", document=name, field=field, value=_shown(has), wanted=wanted)


def _quarantined(connection: Connection) -> set[str]:
    entries = Quarantine(connection.client, connection.collection).of_composition(COMPOSITION)
    return {_canonical(json.loads(entry.fields["content"])) for entry in entries}


def _canonical(record: Any) -> str:
    return json.dumps(record, sort_keys=True)


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    found = json.dumps(value, ensure_ascii=False, default=str)
    return found if len(found) <= _LONGEST_VALUE else f"{found[:_LONGEST_VALUE]}…"
