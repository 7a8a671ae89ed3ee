"""What was posted, what was answered, and what must therefore be true of the documents."""

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.support import oracle
from tests.support.records import as_form, as_json, make_post, make_record

LIVES = [
    ["queued", "succeeded"],
    ["queued", "deferred", "deferred", "succeeded"],
    ["queued", "failed", "2"],
    ["queued", "10"],
    ["queued", "succeeded", "6"],
    ["queued", "succeeded", "5"],
    ["queued", "parked"],
]

Told = tuple[str, dict[str, str]]  # the list in which a record stands, and the record


def life(mail: str, rng: random.Random) -> Iterator[Told]:
    """Yield the records of one mail's life, some of them in the same second."""
    second = 0
    for number, word in enumerate(rng.choice(LIVES)):
        second += rng.choice([0, 1, 7]) if number else 0
        kind = "bounces" if word.isdigit() else "deliveries"
        failed = word.isdigit() or word in ("failed", "deferred")
        yield (
            kind,
            make_record(
                messageId=f"<{mail}@example.com>",
                created=f"2025-01-25 14:03:{second:02}",
                status=word,
                reason=f"reason of {word}" if failed else "",
                senderIp="" if word == "queued" or kind == "bounces" else "192.0.2.9",
            ),
        )


def shuffled_posts(mails: int, size: int, rng: random.Random) -> list[list[Told]]:
    """Return the lives of *mails* mails in posts of *size*, out of order, most records twice."""
    prefix = rng.randrange(10**6)
    told = [fact for mail in range(mails) for fact in life(f"{prefix}-{mail}", rng)]
    sent = told * 2 + rng.sample(told, len(told) // 2)
    rng.shuffle(sent)
    return [sent[start : start + size] for start in range(0, len(sent), size)]


def body_of(post: list[Told], rng: random.Random) -> tuple[bytes, str]:
    """Return body and content type, form or JSON."""
    lists: dict[str, list[Any]] = {"deliveries": [], "bounces": []}
    for kind, record in post:
        lists[kind].append(record)
    return rng.choice([as_form, as_json])(make_post(**lists))


class Ledger:
    """
    Remembers facts by message id: all that were sent, and those whose post was answered 2xx.

    Counts *posts*, each repetition, their *records*, and the *longest* seconds until an answer.
    """

    def __init__(self) -> None:
        self._sent: dict[str, set[oracle.Fact]] = defaultdict(set)
        self._kept: dict[str, set[oracle.Fact]] = defaultdict(set)
        self.posts = self.records = 0
        self.longest = 0.0

    def note(self, post: list[Told], status: int, seconds: float = 0.0) -> None:
        self.posts += 1
        self.records += len(post)
        self.longest = max(self.longest, seconds)
        for kind, record in post:
            fact = oracle.fact_of_record(kind, record)
            self._sent[record["messageId"]].add(fact)
            if 200 <= status < 300:
                self._kept[record["messageId"]].add(fact)

    def check(self, documents: dict[str, dict[str, Any]], *, complete: bool = False) -> None:
        """
        Fail unless every kept fact is in its document and each document is the fold of its facts.

        *complete*: every post was answered 2xx in the end, so every fact is there.
        """
        if complete:
            assert self._kept == self._sent
        lost, wrong = self.faults(documents)
        assert (lost, wrong) == ([], [])

    def faults(self, documents: dict[str, dict[str, Any]]) -> tuple[list[Any], list[Any]]:
        """Return the kept facts that *documents* lack, and the message ids that are wrong."""
        found = {document["message_id"]: document for document in documents.values()}
        held = {name: oracle.facts_of_document(document) for name, document in found.items()}
        lost = [
            (message_id, fact)
            for message_id, facts in self._kept.items()
            for fact in facts - held.get(message_id, set())
        ]
        wrong = [
            message_id
            for message_id, facts in held.items()
            if facts - self._sent.get(message_id, set())
            or oracle.differences(found[message_id], facts)
        ]
        return lost, wrong
