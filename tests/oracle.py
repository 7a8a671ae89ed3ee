"""
The fold once more, as naively as possible, to compare documents with. Imports nothing of ours.

An event here is a dict: list ("deliveries" or "bounces"), status, created, reason, sender_ip.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

ORDER = ["unknown", "queued", "deferred", "forward", "succeeded", "failed", "suppressed", "bounced"]


def word(event):
    if event["list"] == "bounces":
        return "suppressed" if event["status"] in ("10", "11") else "bounced"
    known = ("queued", "deferred", "succeeded", "failed")
    return event["status"] if event["status"] in known else "unknown"


def rank(event):
    forward = event["list"] == "bounces" and event["status"] == "6"
    return ORDER.index("forward" if forward else word(event))


def instant(event):
    local = datetime.strptime(event["created"], "%Y-%m-%d %H:%M:%S")
    return local.replace(tzinfo=ZoneInfo("Asia/Tokyo"))


def fold(events):
    """Return what *events* make of a document; of a tie, the set of codes that may win."""
    distinct = []
    for event in events:
        if event not in distinct:
            distinct.append(event)
    distinct.sort(key=lambda event: (rank(event), instant(event)))
    last = distinct[-1]
    document = {"status": word(last), "status_at": instant(last), "events": len(distinct)}
    for event in distinct:
        name = word(event) + "_at"
        if name == "unknown_at":
            continue
        earlier = instant(event) < document.get(name, instant(event))
        later = instant(event) > document.get(name, instant(event))
        if name not in document or (later if name == "deferred_at" else earlier):
            document[name] = instant(event)
    bounces = [event for event in distinct if event["list"] == "bounces"]
    if bounces:
        ties = [
            b for b in bounces if (rank(b), instant(b)) == (rank(bounces[-1]), instant(bounces[-1]))
        ]
        document["bounce_code"] = {bounce["status"] for bounce in ties}
    return document
