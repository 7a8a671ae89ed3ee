"""Odd requests by seed: what CMC sends, changed in values, structure, bytes and head."""

import copy
import json
import random
from typing import Any
from urllib.parse import quote_plus

from tests.support.records import as_form, as_json, make_post, make_record

KEY = "MARKERkey"
# None of these may come back in a log line; `created` is ours, so that events are made, too.
MARKED = {name: f"MARKER{name}" for name in make_record()}
MARKED |= {
    "created": "2025-01-25 14:03:06",
    "status": "failed",
    "messageId": "<MARKER@example.com>",
}

ODD: list[Any] = [
    *(None, True, False, 0, -1, 2**63, 10**30, 1.5, float("inf"), float("nan"), "", " ", "<>", "0"),
    *([], {}, [[]], {"": ""}, ["MARKER"], {"MARKER": "MARKER"}, "\x00", "\ud83d", "😀" * 300),
    *("MARKER" * 2000, "2025-01-25T14:03:06+09:00", "0001-01-01 00:00:00", "9999-12-31 23:59:59"),
    *(
        "2025-02-30 00:00:00",
        "queued",
        "2",
        "99",
        "🈂",
        "../x",
        "a\r\nb: c",
        "__x__",
        "%00",
        "null",
    ),
]
NAMES = [
    "deliveries",
    "bounces",
    "blocks",
    "event",
    "api_key",
    "messageId",
    "to",
    "envelopeTo",
    "",
    "\ud83d",
]
HEADERS = {
    "Content-Type": [
        *("application/json", "application/x-www-form-urlencoded", "text/plain", "", "é"),
        *("multipart/form-data; boundary=B", "application/json; charset=utf-16", "x" * 5000),
    ],
    "Authorization": [f"Bearer {KEY}", "Bearer", "Basic", "Basic ====", "é ü", "x" * 5000],
    "Content-Encoding": ["gzip", "identity", "", "MARKER"],
    "X-Cloud-Trace-Context": ["MARKER", "a" * 32 + "/1", ""],
    "traceparent": ["00-" + "a" * 32 + "-" + "b" * 16 + "-01", "MARKER", "00--"],
    "Function-Execution-Id": ["MARKER", ""],
}


def make_request(seed: int) -> tuple[dict[str, str], bytes]:
    """Return headers and body of the request *seed*, most of which carry the right key."""
    rng = random.Random(seed)
    records = [MARKED | {"to": f"MARKER{n}@example.jp"} for n in range(rng.randint(0, 3))]
    post = make_post(records, rng.choice([None, records]), api_key=KEY)
    for _ in range(rng.choice([0, 0, 1, 1, 2, 5])):
        _change(rng, post)
    encode = rng.choice([as_form, as_json])
    try:
        body, content_type = encode(post)
    except (UnicodeEncodeError, KeyError, TypeError):  # what no form can say
        body, content_type = json.dumps(post).encode(), "application/json"
    for _ in range(rng.choice([0, 0, 0, 1, 3, 20])):
        body = damage(rng, body)
    headers = {"Content-Type": content_type}
    for name in rng.sample(list(HEADERS), rng.choice([0, 0, 1, 2])):
        headers[name] = rng.choice(HEADERS[name])
    return headers, body


def _change(rng: random.Random, post: Any) -> None:
    """Change one place in the structure of *post*."""
    place = post
    while rng.random() < 0.75:
        inner = [v for v in (place.values() if isinstance(place, dict) else place) if v]
        inner = [value for value in inner if isinstance(value, dict | list)]
        if not inner:
            break
        place = rng.choice(inner)
    if isinstance(place, list):
        place.insert(rng.randint(0, len(place)), copy.deepcopy(rng.choice(ODD)))
    elif place and rng.random() < 0.2:
        del place[rng.choice(list(place))]
    else:
        place[rng.choice([*place, *NAMES])] = copy.deepcopy(rng.choice(ODD))


def damage(rng: random.Random, body: bytes) -> bytes:
    """Change a few bytes of *body*."""
    at = rng.randint(0, len(body))
    piece = rng.choice(
        [
            *(b"", b"\x00", b"\xff", b"\xef\xbb\xbf", b"{", b"[" * 2000, b'"', b"\\", b"\\ud83d"),
            *(b"%", b"%ff", b"&", b"=", b"&event=", quote_plus("é").encode(), b"1" * 5000),
            *(body[: rng.randint(0, 50)], rng.randbytes(rng.randint(1, 8))),
        ]
    )
    return body[:at] + piece + body[at + rng.choice([0, 0, 1, len(piece), 100]) :]
