"""`quarantine replay` of entries that must not, or not silently, become a document."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_from_bytes
from zoneinfo import ZoneInfo

import pytest

from tests.support.records import make_record

DAY = timedelta(days=1)
NOW = datetime.now(ZoneInfo("Asia/Tokyo"))


@pytest.fixture
def forged(post, client):
    """
    A bounce whose time was five days ahead when it came, ten days ago.

    By now the function would accept it.
    """
    post(bounces=[make_record(status="2", created=f"{NOW + 5 * DAY:%Y-%m-%d %H:%M:%S}")])
    [entry] = client.collection("mail_statuses_quarantine").stream()
    assert entry.get("why") == "future_created"
    record = json.loads(entry.get("content"))
    record["created"] = f"{NOW - 5 * DAY:%Y-%m-%d %H:%M:%S}"
    changes = {"content": json.dumps(record), "received_at": datetime.now(UTC) - 10 * DAY}
    entry.reference.update(changes)
    return entry.reference


def test_a_forged_time_is_refused_however_late_the_replay(run, url, forged, documents):
    replayed = run("quarantine", "replay", "--all", "--url", url)

    assert replayed.exit_code == 1
    assert "Its time (created) is more than 48 hours after it was received" in replayed.stderr
    assert documents() == {}


@pytest.mark.parametrize("hours", [-1, 47])
def test_once_it_is_corrected_it_is_posted(run, url, forged, documents, hours):
    received_at = forged.get().get("received_at").astimezone(ZoneInfo("Asia/Tokyo"))
    record = json.loads(forged.get().get("content"))
    record["created"] = f"{received_at + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}"
    forged.update({"content": json.dumps(record)})

    assert run("quarantine", "replay", "--all", "--url", url).exit_code == 0
    assert [mail["status"] for mail in documents().values()] == ["bounced"]


def test_the_time_is_read_in_the_configured_zone(run, url, forged, documents, monkeypatch):
    received_at = forged.get().get("received_at")
    record = json.loads(forged.get().get("content"))
    record["created"] = f"{received_at + 2 * DAY - timedelta(hours=1):%Y-%m-%d %H:%M:%S}"
    forged.update({"content": json.dumps(record)})
    monkeypatch.setenv("CMC_TIME_ZONE", "America/New_York")

    assert run("quarantine", "replay", "--all", "--url", url).exit_code == 1
    assert documents() == {}


def test_a_whole_body_is_judged_too(run, url, client, documents):
    created = f"{NOW - 5 * DAY:%Y-%m-%d %H:%M:%S}"
    body = {"event": {"deliveries": [make_record(created=created)]}}
    entry = {
        "kind": "body",
        "why": "no_envelope",
        "content": json.dumps(body),
        "received_at": datetime.now(UTC) - 10 * DAY,
    }
    client.document("mail_statuses_quarantine/aa").set(entry)

    assert run("quarantine", "replay", "aa", "--url", url).exit_code == 1
    assert documents() == {}


def test_bytes_that_are_not_utf_8_are_stored_as_replacements_and_it_says_so(
    run, function, url, documents
):
    record = json.dumps(make_record(subject="cafe")).replace("cafe", "caf\xe9")
    body = b'{"event": {"deliveries": [' + record.encode("latin-1", "replace") + b"]}}"
    event = quote_from_bytes(body[len(b'{"event": ') : -1])
    form = f"event_type=deliveries&server_composition=pro&event={event}".encode()
    answer = function.post("/", data=form, content_type="application/x-www-form-urlencoded")
    assert answer.json["quarantined"] == 1

    replayed = run("quarantine", "replay", "--all", "--url", url)

    assert replayed.exit_code == 0, replayed.output
    assert "Bytes that are not UTF-8 are stored as U+FFFD." in replayed.stderr
    assert [mail["subject"] for mail in documents().values()] == ["caf\ufffd"]
