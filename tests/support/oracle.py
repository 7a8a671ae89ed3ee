"""
Computes the expected documents from records, independently of the function. Pure.

Written as plainly as possible, and imports nothing of the function, so that it does not share
the function's faults.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

# The status of the event that is last in this order wins.
ORDER = (
    *("unknown", "queued", "deferred", "forward error", "succeeded", "failed"),
    *("suppressed", "bounced"),
)
_BOUNCES = {
    "1": ("unknown_host", "hard"),
    "2": ("unknown_user", "hard"),
    "3": ("resend_timeout", "soft"),
    "4": ("rejected", "policy"),
    "5": ("over_capacity", "soft"),
    "6": ("forward_error", "soft"),
    "7": ("receiving_server_error", "soft"),
    "8": ("oversize", "policy"),
    "9": ("address_format_error", "hard"),
    "10": ("blocked_address", "suppressed"),
    "11": ("unsubscribed_address", "suppressed"),
    "99": ("other", "unknown"),
}
# The replies of the test events: words of the reply, the code that it needs, the diagnosis and the
# class. The first that matches decides.
_DIAGNOSES = (
    ("blocked using", None, "sender_reputation", "policy"),
    ("5.2.2", None, "mailbox_full", "soft"),
    ("4.2.2", None, "mailbox_full", "soft"),
    ("Too many connections", None, "rate_limited", "policy"),
    ("try again later", None, "receiver_trouble", "soft"),
    ("5.3.4", None, "too_big", "policy"),
    ("5.1.1", None, "unknown_user", "hard"),
    ("Unknown user", "2", "unknown_user", "hard"),
    ("Connection timed out", None, "receiver_trouble", "soft"),
)
_NO_FAILURE = ("6", "10", "11")
# CMC's names in both versions, our name, and the longest value in bytes of UTF-8.
_NAMES = (
    (("created",), "created", 256),
    (("status",), "word", 256),
    (("messageId",), "message_id", 1024),
    (("to", "envelopeTo"), "to", 1024),
    (("from",), "from", 1024),
    (("returnPath", "envelopeFrom"), "return_path", 1024),
    (("subject",), "subject", 1024),
    (("apiData",), "api_data", 4096),
    (("reason",), "reason", 4096),
    (("sourceIp",), "source_ip", 1024),
    (("senderIp",), "sender_ip", 256),
)
_DESCRIPTIONS = (
    *("message_id", "to", "to_domain", "server_composition", "from", "return_path"),
    *("subject", "api_data", "source_ip"),
)
_FIELDS = (
    *_DESCRIPTIONS,
    *("status", "status_at", "reason", "sender_ip", "bounce_code", "bounce_cause", "bounce_class"),
    *("queued_at", "deferred_at", "succeeded_at", "failed_at", "bounced_at", "suppressed_at"),
    *("diagnosis", "outcome", "late_bounce", "first_event_at", "queued_on"),
    *("events", "schema_version"),
)

Fact = dict[str, Any]
# Each field, with the values that it may have: of two events of the same second and rank, the
# function chooses one by a digest.
Expected = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What Firestore must hold: documents by id, and the records in quarantine."""

    documents: dict[str, Expected]
    quarantined: list[Any] = field(default_factory=list)


def outcome(records: Iterable[tuple[str, Any]], server_composition: str, zone: ZoneInfo) -> Outcome:
    """Return the outcome of *records*, each given with the list in which it was posted."""
    facts = defaultdict(list)
    quarantined = []
    for event_type, record in records:
        fact = _fact(event_type, record, server_composition, zone)
        if fact is None:
            quarantined.append(record)
        else:
            facts[_document_id(fact)].append(fact)
    return Outcome({name: _document(each) for name, each in facts.items()}, quarantined)


def differences(expected: Expected, found: Mapping[str, Any]) -> dict[str, tuple[Any, list[Any]]]:
    """Return the fields in which *found* is wrong: its value, and the values it may have."""
    have = {name: found.get(name) for name in _FIELDS}
    have["events"] = _history(found.get("events", []))
    return {
        name: (have[name], expected.get(name, [None]))
        for name in _FIELDS
        if have[name] not in expected.get(name, [None])
    }


def _fact(event_type: str, record: Any, composition: str, zone: ZoneInfo) -> Fact | None:
    """Return the fields of *record*, None if it cannot be read."""
    if not isinstance(record, dict):
        return None
    fact: Fact = {"event_type": event_type, "server_composition": composition}
    for names, name, most in _NAMES:
        value = next((record[n] for n in names if n in record), "")
        if isinstance(value, list | dict):
            return None
        fact[name] = _cut(str(value), most)
    try:
        local = datetime.strptime(fact["created"], "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None
    if not 2000 <= local.year <= 2100 or not fact["message_id"] or not fact["to"]:
        return None
    fact["at"] = local.replace(tzinfo=zone).astimezone(UTC)
    if not 2000 <= fact["at"].year <= 2100:  # 2000 in Tokyo can still be 1999 in UTC
        return None
    fact["to"] = re.sub("[A-Z]", lambda letter: letter[0].lower(), fact["to"])
    fact["to_domain"] = fact["to"].split("@")[-1] if "@" in fact["to"] else ""
    fact["status"] = _status(fact)
    return fact


def _cut(text: str, most: int) -> str:
    text = re.sub("[\x00\ud800-\udfff]", "\ufffd", text)
    return text.encode()[:most].decode(errors="ignore")


def _status(fact: Fact) -> str:
    if fact["event_type"] == "bounces":
        return "suppressed" if fact["word"] in ("10", "11") else "bounced"
    known = ("queued", "deferred", "succeeded", "failed")
    return fact["word"] if fact["word"] in known else "unknown"


def _document_id(fact: Fact) -> str:
    message_id = fact["message_id"]
    parts = [fact[n].encode() for n in ("server_composition", "message_id", "to")]
    unique = hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()
    readable = re.sub(r"[^A-Za-z0-9@._=-]", "_", re.sub("^<|>$", "", message_id))
    spread = hashlib.sha256(message_id.encode()).hexdigest()[:4]
    return f"{spread}-{readable[:200]}.{unique[:16]}"


def _document(facts: Sequence[Fact]) -> Expected:
    events = _distinct(facts)
    expected: Expected = {"schema_version": [2], "events": [_history(map(_event, events))]}
    for name in _DESCRIPTIONS:
        expected[name] = [max(fact[name] for fact in facts) or None]
    last = _last(events)
    expected["status"] = [last[0]["status"]]
    expected["status_at"] = [last[0]["at"]]
    failures = [f for f in events if f["status"] in ("failed", "bounced", "suppressed")]
    explained = _last([f for f in failures if f["reason"]])
    chosen = last if last[0]["status"] == "deferred" else explained
    expected["reason"] = [fact["reason"] or None for fact in chosen] or [None]
    senders = _last([fact for fact in events if fact["sender_ip"]])
    expected["sender_ip"] = [fact["sender_ip"] for fact in senders] or [None]
    bounces = _last([fact for fact in events if fact["event_type"] == "bounces"])
    if bounces:
        expected["bounce_code"] = [fact["word"] or None for fact in bounces]
        expected["bounce_cause"] = [_cause(fact)[0] for fact in bounces]
        expected["bounce_class"] = [_diagnosis(fact)[1] or _cause(fact)[1] for fact in bounces]
    expected["diagnosis"] = [_diagnosis(fact)[0] for fact in bounces or explained] or [None]
    expected |= _times(events)
    first = min(fact["at"] for fact in events)
    queued = expected.get("queued_at", [first])[0] + timedelta(hours=9)  # a day in Japan
    failing = [fact for fact in bounces if fact["word"] not in _NO_FAILURE]
    if "succeeded_at" in expected:
        result = "succeeded"
    elif "suppressed_at" in expected:
        result = "suppressed"
    else:
        result = "failed" if failing or "failed_at" in expected else "open"
    return expected | {
        "first_event_at": [first],
        "queued_on": [queued.strftime("%Y-%m-%d")],
        "outcome": [result],
        "late_bounce": [True if failing and result == "succeeded" else None],
    }


def _cause(fact: Fact) -> tuple[str, str]:
    return _BOUNCES.get(fact["word"], ("unknown", "unknown"))


def _diagnosis(fact: Fact) -> tuple[str | None, str | None]:
    code = fact["word"] if fact["event_type"] == "bounces" else ""
    for words, needed, diagnosis, bounce_class in _DIAGNOSES:
        if code not in _NO_FAILURE and words in fact["reason"] and needed in (None, code):
            return diagnosis, bounce_class
    return None, None


def _distinct(facts: Iterable[Fact]) -> list[Fact]:
    names = ("event_type", "word", "created", "reason", "sender_ip")
    return list({json.dumps([fact[name] for name in names]): fact for fact in facts}.values())


def _last(facts: Sequence[Fact]) -> list[Fact]:
    """Return the greatest fact, or several that tie."""
    greatest = max(map(_weight, facts), default=None)
    return [fact for fact in facts if _weight(fact) == greatest]


def _weight(fact: Fact) -> tuple[int, datetime]:
    forward = fact["event_type"] == "bounces" and fact["word"] == "6"
    return ORDER.index("forward error" if forward else fact["status"]), fact["at"]


def _times(events: Iterable[Fact]) -> Expected:
    times: Expected = {}
    for fact in sorted(events, key=lambda fact: fact["at"]):
        name = fact["status"] + "_at"
        if name == "deferred_at" or (name in _FIELDS and name not in times):
            times[name] = [fact["at"]]
    return times


def _event(fact: Fact) -> dict[str, Any]:
    bounce = fact["event_type"] == "bounces"
    entry = {
        "at": fact["at"],
        "status": fact["status"],
        "created": fact["created"],
        "reason": fact["reason"],
        "bounce_code": fact["word"] if bounce else "",
        "sender_ip": fact["sender_ip"],
        "raw_status": fact["word"] if fact["status"] == "unknown" else "",
    }
    return {name: value for name, value in entry.items() if value}


def _history(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return *events* without their ids, ordered by time and then by content."""
    bare = [{n: value for n, value in event.items() if n != "id"} for event in events]
    return sorted(bare, key=lambda event: (event["at"], sorted(map(str, event.items()))))
