"""The five posts that CMC's own articles publish make exactly three documents."""

import itertools
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.records import as_form, as_json

PAYLOADS = Path(__file__).parent / "payloads"
NAMES = (
    "queued",
    "succeeded",
    "bounced-host-unknown",
    "failed-user-unknown",
    "bounced-user-unknown",
)
SAMPLES = {name: json.loads((PAYLOADS / f"{name}.json").read_text()) for name in NAMES}

EXPECTED = {
    "<031a32d4-06cd-b1ae-9526-011c0b9f1296@example.com>": {
        "to": "user@example.jp",
        "to_domain": "example.jp",
        "status": "succeeded",
        "status_at": datetime(2023, 1, 25, 5, 3, 9, tzinfo=UTC),
        "queued_at": datetime(2023, 1, 25, 5, 3, 6, tzinfo=UTC),
        "succeeded_at": datetime(2023, 1, 25, 5, 3, 9, tzinfo=UTC),
        "source_ip": "100.100.100.1",
        "sender_ip": "100.100.100.3",
        "subject": "メールマガジンのテスト",
        "from": "info@example.com",
        "return_path": "info@return.pro.smtps.jp",
        "server_composition": "pro",
        "events": ["queued", "succeeded"],
    },
    "<8f902ee7-ae65-8711-48a8-2f708cb14205@example.com>": {
        "to": "user@example",
        "status": "bounced",
        "bounce_code": "1",
        "bounce_cause": "unknown_host",
        "bounce_class": "hard",
        "reason": "host unknown",
        "bounced_at": datetime(2023, 1, 25, 5, 5, 15, tzinfo=UTC),
        "events": ["bounced"],
    },
    "<9e7e564c-ac83-8cd8-2cb4-b9ff2a9f168d@example.com>": {
        "to": "no-user@example.jp",
        "status": "bounced",
        "bounce_code": "2",
        "bounce_cause": "unknown_user",
        "bounce_class": "hard",
        "failed_at": datetime(2023, 1, 25, 5, 6, 6, tzinfo=UTC),
        "bounced_at": datetime(2023, 1, 25, 5, 6, 7, tzinfo=UTC),
        "events": ["failed", "bounced"],
    },
}


def assert_expected(documents):
    by_message = {document["message_id"]: document for document in documents.values()}
    assert by_message.keys() == EXPECTED.keys()
    for message_id, expected in EXPECTED.items():
        document = by_message[message_id]
        document["events"] = [event["status"] for event in document["events"]]
        assert {name: document[name] for name in expected} == expected
    bounce = by_message["<9e7e564c-ac83-8cd8-2cb4-b9ff2a9f168d@example.com>"]
    assert bounce["reason"].startswith("550 5.1.1 ")


def as_file(name):
    return (PAYLOADS / f"{name}.json").read_bytes(), "application/json"


@pytest.mark.parametrize("order", list(itertools.permutations(NAMES))[::17])
def test_posted_as_published_in_any_order(function, documents, order):
    for name in order:
        body, content_type = as_file(name)
        assert function.post("/", data=body, content_type=content_type).json["stored"] == 1

    assert_expected(documents())


def test_posted_as_forms(function, documents):
    for name in NAMES:
        body, content_type = as_form(SAMPLES[name])
        assert b"%5Cu003C" in body
        assert function.post("/", data=body, content_type=content_type).status_code == 200

    assert_expected(documents())


def test_posted_twice_and_mixed(function, documents):
    posts = [encode(SAMPLES[name]) for name in NAMES for encode in (as_form, as_json)] * 2
    random.Random(1).shuffle(posts)
    for body, content_type in posts:
        assert function.post("/", data=body, content_type=content_type).status_code == 200

    assert_expected(documents())


@pytest.mark.parametrize("encode", [as_form, as_json])
def test_all_records_three_times_in_one_post(function, documents, encode):
    event = {"deliveries": [], "bounces": []}
    for sample in SAMPLES.values():
        for kind, records in sample["event"].items():
            event[kind] += records * 3
    body, content_type = encode(SAMPLES["queued"] | {"event": event})

    answer = function.post("/", data=body, content_type=content_type).json

    assert answer == {"received": 15, "stored": 15, "unchanged": 0, "quarantined": 0}
    assert_expected(documents())


def test_a_repeat_is_unchanged(function, documents):
    body, content_type = as_file("queued")
    function.post("/", data=body, content_type=content_type)
    before = documents()

    answer = function.post("/", data=body, content_type=content_type).json

    assert answer == {"received": 1, "stored": 0, "unchanged": 1, "quarantined": 0}
    assert documents() == before
