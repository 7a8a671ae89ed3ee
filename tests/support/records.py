"""Records and posts as CMC makes them: a good one by default, changed by keyword."""

import json
from urllib.parse import urlencode

RECORD = {
    "reason": "",
    "sourceIp": "192.0.2.1",
    "returnPath": "info@return.pro.smtps.jp",
    "created": "2025-01-25 14:03:06",
    "subject": "件名",
    "apiData": "",
    "messageId": "<mail@example.com>",
    "from": "info@example.com",
    "to": "user@example.jp",
    "senderIp": "",
    "status": "queued",
}


def make_record(**changes):
    """Return a delivery record of version 2; a field set to ... is left out."""
    record = RECORD | changes
    return {name: value for name, value in record.items() if value is not ...}


def make_post(deliveries=None, bounces=None, composition="pro", **fields):
    """Return the envelope of a post as an object."""
    event = {"deliveries": deliveries, "bounces": bounces}
    event = {name: records for name, records in event.items() if records is not None}
    event_type = next(iter(event), "deliveries")
    return {"event_type": event_type, "server_composition": composition, "event": event, **fields}


def as_json(post):
    """Return body and content type of *post* as CMC sends it with its JSON box ticked."""
    return json.dumps(post).encode(), "application/json"


def as_form(post):
    """Return body and content type of *post* as CMC sends it by default."""
    event = json.dumps(post["event"]).replace("<", r"\u003C").replace(">", r"\u003E")
    return urlencode({**post, "event": event}).encode(), "application/x-www-form-urlencoded"
