"""The fold once more, as naively as possible, to compare with. Imports nothing of ours."""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

ORDER = ["unknown", "queued", "deferred", "forward", "succeeded", "failed", "suppressed", "bounced"]


class Fact(NamedTuple):
    """One event: the list that it stood in, and the fields that tell it from others."""

    kind: str
    status: str
    created: str
    reason: str
    sender_ip: str


def fact_of_record(kind, record):
    return Fact(
        kind, record["status"], record["created"], record["reason"], record.get("senderIp", "")
    )


def facts_of_document(document):
    facts = set()
    for event in document["events"]:
        kind = "bounces" if event["status"] in ("bounced", "suppressed") else "deliveries"
        told = event.get("bounce_code" if kind == "bounces" else "raw_status") or event["status"]
        facts.add(
            Fact(kind, told, event["created"], event.get("reason", ""), event.get("sender_ip", ""))
        )
    return facts


def word(fact):
    if fact.kind == "bounces":
        return "suppressed" if fact.status in ("10", "11") else "bounced"
    known = ("queued", "deferred", "succeeded", "failed")
    return fact.status if fact.status in known else "unknown"


def rank(fact):
    forward = fact.kind == "bounces" and fact.status == "6"
    return ORDER.index("forward" if forward else word(fact))


def instant(fact):
    local = datetime.strptime(fact.created, "%Y-%m-%d %H:%M:%S")
    return local.replace(tzinfo=ZoneInfo("Asia/Tokyo"))


def fold(facts):
    """Return what *facts* make of a document; of a tie between bounces, all codes that may win."""
    ordered = sorted(facts, key=lambda fact: (rank(fact), instant(fact)))
    last = ordered[-1]
    document = {"status": word(last), "status_at": instant(last), "events": len(ordered)}
    for fact in ordered:
        name = word(fact) + "_at"
        if name == "unknown_at":
            continue
        choose = max if name == "deferred_at" else min
        document[name] = choose(document.get(name, instant(fact)), instant(fact))
    bounces = [fact for fact in ordered if fact.kind == "bounces"]
    last_bounces = [
        b for b in bounces if (rank(b), b.created) == (rank(bounces[-1]), bounces[-1].created)
    ]
    document["bounce_codes"] = {bounce.status for bounce in last_bounces} or {""}
    return document


def differences(document, facts):
    """Return the fields in which *document* is not the fold of *facts*."""
    expected = fold(facts)
    found = {name: document.get(name) for name in expected}
    found["events"] = len(document["events"])
    found["bounce_codes"] = expected["bounce_codes"] & {document.get("bounce_code", "")}
    expected["bounce_codes"] = found["bounce_codes"] or expected["bounce_codes"]
    return {
        name: (found[name], expected[name]) for name in expected if found[name] != expected[name]
    }
