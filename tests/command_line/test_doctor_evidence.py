"""`doctor` is right or silent: what others control proves nothing by itself."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from tests.command_line.test_doctor import seen
from tests.support.faults import Fault
from tests.support.records import make_record

NOW = datetime.now(UTC).replace(microsecond=0)
EPOCH = datetime(1582, 10, 15, tzinfo=UTC)
CMC = "mta04.pro.smtps.jp"
MINUTES = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def wide_terminal(run, monkeypatch):
    """Each finding in one line."""
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.fixture
def mail(client):
    """Store a mail that was queued at *queued_at*, as the function read it."""

    def store(number, queued_at, received_at, made_at=None, host=CMC):
        ticks = ((made_at or queued_at) - EPOCH) // timedelta(microseconds=1) * 10 + number
        fields = (ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48, 0, 0, number)
        event = {"at": queued_at, "id": f"{number:016x}", "status": "queued"}
        client.document("mail_statuses", f"{number:04x}-mail").set(
            {
                "message_id": f"<{uuid.UUID(fields=fields, version=1)}@{host}>",
                "to": "user@example.jp",
                "from": "sender@example.com",
                "return_path": "return@example.com",
                "status": "queued",
                "status_at": queued_at,
                "queued_at": queued_at,
                "events": [event],
                "first_received_at": received_at,
                "last_received_at": received_at,
                "schema_version": 1,
            }
        )

    return store


def minutes_ago(number):
    return NOW - number * MINUTES


@pytest.mark.parametrize("minutes", [15, 20, 30, 60, 540])
def test_a_sender_who_makes_the_same_ids_in_advance_is_no_wrong_zone(run, mail, minutes):
    for n in range(12):
        at = minutes_ago(n)
        mail(n, at, at, made_at=at - minutes * MINUTES, host="shop.example.com")

    assert seen(run) == []


@pytest.mark.parametrize("minutes", [15, 30, 60, 540])
def test_a_scheduled_mail_is_no_wrong_zone(run, mail, minutes):
    for n in range(12):
        at = minutes_ago(n)
        mail(n, at, at + timedelta(seconds=2), made_at=at - minutes * MINUTES)

    assert seen(run) == []


@pytest.mark.parametrize("host", [CMC, "shop.example.com"])
@pytest.mark.parametrize("minutes", [15, 30, 60, 120, 181])
@pytest.mark.parametrize("apart", [timedelta(seconds=5), MINUTES, 15 * MINUTES])
def test_a_backlog_is_no_wrong_zone(run, mail, host, minutes, apart):
    for n in range(12):
        mail(n, minutes_ago(minutes) - n * apart, NOW, host=host)

    assert seen(run) == []


@pytest.mark.parametrize("host", ["mta01.example.smtps.jp", "node1", "NODE12"])
@pytest.mark.parametrize(
    ("hours", "words"), [(9, "9 hours late"), (-9, "9 hours early"), (-0.5, "0.5 hours early")]
)
def test_a_wrong_zone_is_certain_where_ids_and_arrival_agree(run, mail, host, hours, words):
    for n in range(12):
        at = minutes_ago(n)
        shift = timedelta(hours=hours)
        mail(n, at + shift, at + timedelta(seconds=1), made_at=at, host=host)

    [found] = seen(run)

    assert f"Times are {words}: certain, because the clocks in CMC's message ids" in found
    assert "(mails compared: 9; " in found


def test_a_wrong_zone_is_likely_where_all_mails_of_a_while_are_late_by_the_same(run, mail):
    for n in range(12):
        at = minutes_ago(2 * n)
        mail(n, at - timedelta(hours=1), at, host="shop.example.com")

    [found] = seen(run)

    assert "Times are 1 hours early: likely, because the latest 9 mails arrived 1 hours" in found
    assert "unless posts were so late" in found


def test_a_quarter_of_an_hour_is_no_zone(run, mail):
    for n in range(12):
        at = minutes_ago(n)
        mail(n, at - 15 * MINUTES, at, made_at=at)

    assert seen(run) == []


def test_events_of_the_future_are_a_wrong_clock_unless_they_are_near_a_quarter(run, mail):
    for n in range(12):
        mail(n, minutes_ago(n) + 20 * MINUTES, minutes_ago(n), host="shop.example.com")
    [found] = seen(run)
    assert found == "Events arrive 1200 seconds before they happen."

    for n in range(12):
        mail(n, minutes_ago(n) + 60 * MINUTES, minutes_ago(n), host="shop.example.com")
    [found] = seen(run)
    assert "Times are 1 hours late: certain, because events arrive before they happen" in found


def test_an_empty_sender_is_not_version_1(run, post, monkeypatch):
    monkeypatch.delenv("CMC_ALLOW_UNAUTHENTICATED")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    ids = [f"<{n}@example.com>" for n in range(4)]
    records = [make_record(messageId=i, created=now, apiData="") for i in ids]
    post(records)
    post([records[0] | {"from": "", "messageId": "<empty@example.com>"}])

    assert seen(run) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("0123456789abcdef,fedcba9876543210", "entry 1 has a comma in it"),
        ('"0123456789abcdef"', "entry 1 is in quotes"),
        ("0123456789abcdef\n0123456789キー", "entry 2 has characters that are not printable"),
    ],
)
def test_keys_that_no_sender_can_send_are_findings_beside_the_others(
    run, monkeypatch, value, words
):
    monkeypatch.setenv("CMC_API_KEYS", value)

    found = seen(run)

    assert any(words in each for each in found)
    assert found[-1] == "Nothing has been received yet."
    assert value[:16] not in "".join(found)
    assert run("list").exit_code == 0


def test_a_byte_order_mark_is_no_part_of_a_key(run, monkeypatch):
    monkeypatch.setenv("CMC_API_KEYS", "\ufeff0123456789abcdef")

    assert seen(run) == ["Nothing has been received yet."]


@pytest.mark.parametrize(
    ("rpc", "words"),
    [
        ("RunAggregationQuery", "Not checked: the quarantine, the quarantine of received mail, "),
        ("RunQuery", "Not checked: mails, mails of odd times, the oldest mail, "),
    ],
)
def test_a_look_that_fails_is_a_finding_and_the_others_go_on(
    run, mail, faulty, monkeypatch, rpc, words
):
    mail(1, NOW, NOW)
    monkeypatch.setenv("CMC_TIMEZONE", "UTC")
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", faulty.address)
    faulty.plan = lambda asked: Fault(before="PERMISSION_DENIED") if asked == rpc else None

    found = seen(run)

    assert len(found) == 2
    assert "CMC_TIMEZONE is not a setting" in found[0]
    assert found[1].startswith(words)
    assert "Firestore: 403" in found[1]


def test_a_wrong_database_is_one_finding(run, faulty, monkeypatch):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", faulty.address)
    faulty.plan = lambda rpc: Fault(before="NOT_FOUND")

    [found] = seen(run)

    assert found.startswith("Not checked: mails, ")
    assert "Firestore: 404" in found
