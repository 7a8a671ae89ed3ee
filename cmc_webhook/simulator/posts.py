"""Turns events into posts as CMC batches them, and posts into request bodies. Pure."""

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from cmc_webhook.simulator.scenarios import COMPOSITION, Event

# Documented for CMC: it posts the events of one second, at most a hundred at once.
_INTERVAL = timedelta(seconds=1)
MOST_EVENTS = 100
_SURROGATE = re.compile("[\ud800-\udfff]")


class Post(NamedTuple):
    """One request: the records of one list."""

    event_type: str
    records: tuple[Any, ...]


def batches(events: Sequence[Event], most: int) -> list[Post]:
    """Return *events*, ordered by time, in posts of at most a second and *most* records."""
    open_batches: dict[str, list[Event]] = {}
    closed: list[list[Event]] = []
    for event in events:
        batch = open_batches.setdefault(event.event_type, [])
        if batch and (len(batch) == most or event.at - batch[0].at >= _INTERVAL):
            closed.append(batch)
            batch = open_batches[event.event_type] = []
        batch.append(event)
    closed += open_batches.values()
    closed.sort(key=lambda batch: batch[-1].at)
    return [Post(batch[0].event_type, tuple(e.record for e in batch)) for batch in closed]


def form_body(post: Post, api_key: str) -> bytes:
    """Return the form that CMC posts by default; its field ``event`` is JSON text."""
    event = _json({post.event_type: post.records})
    event = event.replace("<", r"\u003C").replace(">", r"\u003E")
    fields = {"server_composition": COMPOSITION, "event_type": post.event_type, "event": event}
    return urlencode(({"api_key": api_key} if api_key else {}) | fields).encode()


def json_body(post: Post, api_key: str) -> bytes:
    """Return the JSON body that CMC posts if JSON is chosen in its settings."""
    event = {post.event_type: post.records}
    fields = {"event_type": post.event_type, "server_composition": COMPOSITION, "event": event}
    return _json(fields | ({"api_key": api_key} if api_key else {})).encode()


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # A lone surrogate cannot be encoded as UTF-8, only escaped.
    return _SURROGATE.sub(lambda half: rf"\u{ord(half[0]):04x}", text)
