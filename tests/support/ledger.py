"""What was posted, what was answered, and what must therefore be true of all documents."""

import itertools
import random
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cmc_webhook.simulator import scenarios
from cmc_webhook.simulator.scenarios import STEPS, Event, Mailing, Step
from cmc_webhook.status import addresses
from cmc_webhook.status.envelope import Envelope
from cmc_webhook.status.events import read_events
from cmc_webhook.status.pending import by_address
from tests.support import oracle
from tests.support.records import as_form, as_json, make_post

COMPOSITION = "pro"
ADDRESSES = "mail_addresses"
TOKYO = ZoneInfo("Asia/Tokyo")
_STEPS = [*STEPS.values(), (Step(("queued",)), Step(("parked",)))]  # a word that is not known

Fact = tuple[str, ...]  # what distinguishes the records of a mail
Documents = dict[str, dict[str, Any]]
_LATER = datetime(2026, 1, 1, tzinfo=UTC)


def shuffled_posts(mails: int, size: int, rng: random.Random) -> list[list[Event]]:
    """Return all events of *mails* mails in posts of *size*, out of order, most records twice."""
    events = [event for _ in range(mails) for event in _life(rng)]
    sent = events * 2 + rng.sample(events, len(events) // 2)
    rng.shuffle(sent)
    return [sent[start : start + size] for start in range(0, len(sent), size)]


def _life(rng: random.Random) -> list[Event]:
    """
    Return the records of one mail's life, many of them in the same second.

    It ends at midnight in Japan of one of few days, and few addresses get all mails, so that
    many bounces fall on one address, on both sides of its days.
    """
    steps = tuple(step._replace(earliest=0, latest=1) for step in rng.choice(_STEPS))
    mailing = Mailing(
        steps=steps,
        count=1,
        recipients=1,
        version=2,
        zone=TOKYO,
        last_event_at=datetime(2025, 1, rng.randint(20, 25), 15, tzinfo=UTC),
    )
    to = f"{rng.choice('ab')}@{rng.choice(['example.com', 'example.jp'])}"
    life = scenarios.events(mailing, rng)
    for event in life:
        event.record["to"] = to
    return life


def body_of(post: list[Event], rng: random.Random) -> tuple[bytes, str]:
    """Return body and content type, form or JSON."""
    lists: dict[str, list[Any]] = {"deliveries": [], "bounces": []}
    for event in post:
        lists[event.event_type].append(event.record)
    return rng.choice([as_form, as_json])(make_post(**lists, composition=COMPOSITION))


def _fact(event: Event) -> Fact:
    record = event.record
    names = ("status", "created", "reason", "senderIp")
    return (event.event_type, *(record.get(name, "") for name in names))


def _facts_of_document(document: dict[str, Any]) -> set[Fact]:
    facts = set()
    for event in document["events"]:
        kind = "bounces" if event["status"] in ("bounced", "suppressed") else "deliveries"
        word = event.get("bounce_code" if kind == "bounces" else "raw_status") or event["status"]
        facts.add(
            (kind, word, event["created"], event.get("reason", ""), event.get("sender_ip", ""))
        )
    return facts


def _bounces(sent: dict[str, dict[Fact, Event]]) -> dict[str, list[Any]]:
    """Return what the bounces among the records say of each address, by its id."""
    found = defaultdict(list)
    for event in itertools.chain.from_iterable(facts.values() for facts in sent.values()):
        envelope = Envelope(
            event={event.event_type: [event.record]}, server_composition=COMPOSITION
        )
        for address_id, pending in by_address(read_events(envelope, TOKYO, _LATER)[0]).items():
            found[address_id] += pending.fold({})["facts"]
    return found


def _is_lacking(document: dict[str, Any], facts: list[Any]) -> bool:
    """Whether *facts* would still change the document of their address."""
    return bool(addresses.changes(document, addresses.fold(document, facts)))


def _address(to: str, sent: list[Any], held: list[Any]) -> dict[str, Any]:
    """Return the document of the address *to* that has those of *sent* that are *held*."""
    known = [(fact["event"], fact["mail"]) for fact in held]
    facts = [fact for fact in sent if (fact["event"], fact["mail"]) in known]
    return addresses.fold(addresses.described(to), facts)


class Ledger:
    """
    Remembers facts by message id: all that were sent, and those whose post was answered 2xx.

    Counts *posts*, each repetition, their *records*, and the *longest* seconds until an answer.
    """

    def __init__(self) -> None:
        self._sent: dict[str, dict[Fact, Event]] = defaultdict(dict)
        self._kept: dict[str, set[Fact]] = defaultdict(set)
        self.posts = self.records = 0
        self.longest = 0.0

    def note(self, post: list[Event], status: int, seconds: float = 0.0) -> None:
        self.posts += 1
        self.records += len(post)
        self.longest = max(self.longest, seconds)
        for event in post:
            message_id = event.record["messageId"]
            self._sent[message_id][_fact(event)] = event
            if 200 <= status < 300:
                self._kept[message_id].add(_fact(event))

    def check(
        self, documents: Documents, of_addresses: Documents, *, complete: bool = False
    ) -> None:
        """
        Fail unless every kept fact is in its document and each document is the fold of its facts.

        *documents* are those of mails, *of_addresses* those of addresses, by id. *complete*:
        every post was answered 2xx in the end, so every fact is there.
        """
        if complete:
            assert self._kept == {name: facts.keys() for name, facts in self._sent.items()}
        lost, wrong = self.faults(documents, of_addresses)
        assert (lost, wrong) == ([], [])

    def faults(self, documents: Documents, of_addresses: Documents) -> tuple[list[Any], list[Any]]:
        """Return the kept facts that the documents lack, and the ids of those that are wrong."""
        lost, wrong = self._faults_of_mails(documents)
        kept = {
            name: {fact: self._sent[name][fact] for fact in self._kept[name]} for name in self._kept
        }
        bounces = _bounces(self._sent)
        lost += [
            address_id
            for address_id, facts in _bounces(kept).items()
            if _is_lacking(of_addresses.get(address_id, {}), facts)
        ]
        wrong += [
            address_id
            for address_id, document in of_addresses.items()
            if document != _address(document["to"], bounces[address_id], document["facts"])
        ]
        return lost, wrong

    def _faults_of_mails(self, documents: Documents) -> tuple[list[Any], list[Any]]:
        held = {d["message_id"]: _facts_of_document(d) for d in documents.values()}
        lost = [
            (message_id, fact)
            for message_id, facts in self._kept.items()
            for fact in facts - held.get(message_id, set())
        ]
        wrong = [
            document_id
            for document_id, document in documents.items()
            if self._is_wrong(document_id, document, held[document["message_id"]])
        ]
        return lost, wrong

    def _is_wrong(self, document_id: str, document: dict[str, Any], facts: set[Fact]) -> bool:
        """Whether *document* is other than the naive fold of the records that it has."""
        sent = self._sent.get(document["message_id"], {})
        if not facts <= sent.keys():
            return True
        records = [(sent[fact].event_type, sent[fact].record) for fact in facts]
        [[expected_id, expected]] = oracle.outcome(records, COMPOSITION, TOKYO).documents.items()
        return document_id != expected_id or bool(oracle.differences(expected, document))
