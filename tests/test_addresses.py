"""Whom not to mail: a document is a function of its facts, and the rule line by line."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cmc_webhook.status.addresses import described, fold
from cmc_webhook.status.stop_rule import NO_END

ADDRESS = "user@example.jp"
NEW = described(ADDRESS)
MIDNIGHT = datetime(2026, 6, 1, tzinfo=ZoneInfo("Asia/Tokyo")).astimezone(UTC)
KINDS = ["hard", "doubtful", "soft", "recipient", "blocked", "unsubscribed"]


def on(day, hours=12, **minutes):
    """Return the time so many *hours* into this day of the year 2026, counted in Japan."""
    return MIDNIGHT + timedelta(days=day, hours=hours, **minutes)


def make_fact(at, kind="hard", mail=None, event=None, **fields):
    name = f"{at:%y%m%d%H%M%S}"
    return {"at": at, "event": event or name, "mail": mail or name, "kind": kind, **fields}


def facts_on(kind, *days):
    return [make_fact(on(day), kind) for day in days]


def stop(facts, operator=None):
    """Return cause and end of the stop as stored, the end in days from midnight of day 0."""
    held = NEW | ({"operator": operator} if operator else {})
    document = fold(held, facts)
    until = document.get("stop_until")
    if until is None:
        return None
    return document["stop_cause"], "no end" if until == NO_END else (until - MIDNIGHT).days


def operator(decision, at):
    return {"decision": decision, "at": at}
