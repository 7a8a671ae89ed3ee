"""Any value in any field: every command shows the document, says what is odd, and goes on."""

import csv
import io
import json
import re
from zoneinfo import ZoneInfo

import pytest

from cmc_webhook.reading.documents import Entry, Mail, ReceivedMail
from cmc_webhook.reading.times import shown
from tests.support.documents import Document, names
from tests.support.odd_documents import (
    ENTRY,
    MAIL,
    NOW,
    ODD,
    PREFIX,
    RECEIVED,
    RECEIVED_ENTRY,
    odd_documents,
    odd_project,
    store,
)
from tests.support.records import make_record


@pytest.fixture(autouse=True)
def wide_terminal(run, monkeypatch):
    """Each document in one line."""
    monkeypatch.setenv("COLUMNS", "2000")


@pytest.fixture
def odd(run, monkeypatch):
    """The documents of the odd project, by collection; the commands read them."""
    client, documents = odd_project()
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", client.project)
    return documents


def with_field(documents, field):
    """Return the ids of the documents with *field*: Firestore lists no others by it."""
    return {name for name, fields in documents.items() if field in fields}


def strict(line):
    def refuse(constant):
        raise ValueError(constant)

    return json.loads(line, parse_constant=refuse)


def listed(run, *command):
    """Return what a command prints as JSON, of all its pages, by id."""
    found, after = {}, ()
    while True:
        result = run(*command, "--json", "--limit", "150", *after)
        assert result.exit_code == 0, result.output
        page = [strict(line) for line in result.stdout.splitlines()]
        assert not found.keys() & {each["id"] for each in page}
        found |= {each["id"]: each for each in page}
        if "--after '" not in result.stderr:
            return found
        after = ("--after", result.stderr.split("--after '")[1].split("'")[0])


READERS = [
    (("list",), "mail_statuses", "status_at"),
    (("quarantine", "list"), "mail_statuses_quarantine", "received_at"),
    (("quarantine", "list", "--inbound"), "inbound_mails_quarantine", "received_at"),
    (("inbound", "list"), "inbound_mails", "received_at"),
]


@pytest.mark.parametrize(("command", "collection", "time"), READERS)
def test_a_list_goes_through_all_pages_of_odd_documents(run, odd, command, collection, time):
    found = listed(run, *command)

    assert found.keys() == with_field(odd[collection], time)
    assert all(each["__id__"] == "theirs" for each in found.values())
    as_table = run(*command, "--limit", "1000")
    assert as_table.exit_code == 0
    assert len(as_table.stdout.splitlines()) == len(found) + 1


def test_a_list_goes_on_behind_any_value_of_its_time(run, client):
    documents = odd_documents(MAIL, client)
    number = [*MAIL].index("status_at")
    times = {n: d for n, d in documents.items() if n.startswith(f"{PREFIX}{number}-")}
    store(client, "mail_statuses", times | {f"{PREFIX}sound": MAIL})
    client.document("mail_statuses", f"{PREFIX}again").set(MAIL)

    found, after = [], ()
    while "--after '" in (page := run("list", "--json", "--limit", "1", *after)).stderr:
        found.append(strict(page.stdout)["id"])
        after = ("--after", page.stderr.split("--after '")[1].split("'")[0])

    with_time = with_field(times, "status_at")
    assert sorted(found) == sorted([*with_time, f"{PREFIX}sound", f"{PREFIX}again"])
    gone = run("list", "--after", "/0dd0-deleted")
    assert (gone.exit_code, gone.stdout) == (0, "")


@pytest.mark.parametrize(("command", "collection", "time"), READERS)
def test_a_list_says_which_fields_are_not_readable(run, odd, command, collection, time):
    said = run(*command, "--limit", "1000").stderr

    number = [*odd[collection][f"{PREFIX}sound"]].index(time)
    wrong = f"{PREFIX}{number}-{time}-map: Not readable: {time} (see --json)."
    assert wrong in said.splitlines()
    assert f"{PREFIX}sound" not in said
    assert f"{time}-year 9999" not in said


def test_every_documented_field_is_tried():
    received = Document("cmc_webhook/inbound/README.md").table("field", "type", "meaning")
    documented = {name for row in received for name in names(row[0])}

    assert MAIL.keys() == Mail.__annotations__.keys()
    assert RECEIVED.keys() == ReceivedMail.__annotations__.keys() == documented
    assert ENTRY.keys() | RECEIVED_ENTRY.keys() == Entry.__annotations__.keys()


def test_show_shows_them_all(run, odd):
    shown = run("show", PREFIX)

    assert shown.exit_code == 0
    for name in odd["mail_statuses"]:
        assert name in shown.stdout
    assert "Not readable: events" in shown.stdout
    assert "9999-12-31 23:59:59 UTC" in shown.stdout
    as_json = [strict(line) for line in run("show", PREFIX, "--json").stdout.splitlines()]
    assert {each["id"] for each in as_json} == odd["mail_statuses"].keys()


def test_inbound_show_shows_them_all(run, odd):
    shown = run("inbound", "show", PREFIX)

    assert shown.exit_code == 0
    for name in odd["inbound_mails"]:
        assert name in shown.stdout
    assert "Not readable: attachments" in shown.stdout


def test_quarantine_show_shows_each(run, client):
    entries = odd_documents(ENTRY, client)
    names = [f"{number:04x}" for number in range(len(entries))]
    store(client, "mail_statuses_quarantine", dict(zip(names, entries.values(), strict=True)))

    for name, fields in zip(names, entries.values(), strict=True):
        shown = run("quarantine", "show", name)
        assert shown.exit_code == 0
        assert [f for f in fields.keys() - {"content"} if f not in shown.stdout] == [], shown.stdout


def test_what_is_readable_of_a_history_is_shown(run, client):
    sound = MAIL["events"][0]
    odd = [sound, {"at": "x", "id": "b", "status": "failed"}, 7, sound | {"bounce_code": 2}]
    client.document("mail_statuses", f"{PREFIX}events").set(MAIL | {"events": odd})

    shown = run("show", PREFIX).stdout

    assert shown.count("Bounced 2") == 1
    assert shown.count("Bounced\n") == 1
    assert "Not readable: events (see --json)." in shown


def test_json_has_every_value_as_firestore_writes_it(run, odd):
    found = listed(run, "list")
    number = [*MAIL].index("subject")

    def one(kind):
        return found[f"{PREFIX}{number}-subject-{kind}"]["subject"]

    assert one("not a number") == "NaN"
    assert one("infinity") == "-Infinity"
    assert one("bytes") == "/wA="
    assert one("place") == {"latitude": 35.6, "longitude": 139.7}
    assert one("vector") == [1.0, 2.0]
    assert one("foreign") == "projects/elsewhere/databases/(default)/documents/other/document"
    assert one("year 9999") == "9999-12-31T23:59:59.999999+00:00"
    assert one("year 1") == "0001-01-01T09:18:59+09:18:59"
    assert one("null") is None


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_an_export_has_them_all(run, odd, monkeypatch, zone):
    monkeypatch.setenv("CMC_TIME_ZONE", zone)
    expected = with_field(odd["mail_statuses"], "status_at")

    as_csv = run("export")
    as_lines = run("export", "--format", "jsonl")

    rows = csv.DictReader(io.StringIO(as_csv.stdout.removeprefix("\ufeff"), newline=""))
    assert {row["id"] for row in rows} == expected
    assert {strict(line)["id"] for line in as_lines.stdout.splitlines()} == expected
    assert "Not readable: " in as_csv.stderr
    assert "mails have fields like this" in as_csv.stderr


@pytest.mark.parametrize("json_lines", [(), ("--json",)])
def test_stats_count_what_is_readable(run, odd, json_lines):
    counted = run("stats", *json_lines)

    assert counted.exit_code == 0


def test_doctor_names_what_it_could_not_read_and_goes_on(run, odd):
    examined = run("doctor", "--last", "1000")

    assert examined.exit_code == 1
    found = examined.stdout
    assert "Fields of mails cannot be read" in found
    assert "Fields of entries of the quarantine cannot be read" in found
    assert "Fields of received mails cannot be read" in found
    assert re.search(rf"{PREFIX}\d+-[a-z_]+-[a-z ]+ \([a-z_]+\), .* and [\d,]+ more", found)
    assert "which no list has: " in found
    assert f"Records in quarantine: {len(odd['mail_statuses_quarantine']):,}." in found


@pytest.mark.parametrize("kind", ["text", "map", "number", "null", "year 9999"])
def test_doctor_sees_mails_of_odd_times_beside_many_others(run, client, kind):
    for number in range(3):
        client.document("mail_statuses", f"{number}").set(MAIL)
    odd = MAIL | {"last_received_at": ODD[kind], "events": "x"}
    client.document("mail_statuses", f"{PREFIX}odd").set(odd)

    assert f"{PREFIX}odd (" in run("doctor", "--last", "3").stdout


def test_the_newest_is_named_beside_mails_of_odd_times(run, client):
    client.document("mail_statuses", "odd").set(MAIL | {"status_at": "2025-01-25"})
    client.document("mail_statuses", "sound").set(MAIL)

    said = run("list", "--to", "nobody@example.jp").stderr

    assert f"the newest is of {shown(NOW, ZoneInfo('Asia/Tokyo'))}" in said


def test_one_odd_entry_does_not_stop_the_replay_of_the_others(run, url, client, documents):
    odd = {
        "a0": {n: v for n, v in ENTRY.items() if n != "kind"},
        "a1": ENTRY | {"content": 5},
        "a2": ENTRY | {"content": "no JSON"},
        "a3": {n: v for n, v in ENTRY.items() if n != "received_at"},
        "a4": ENTRY | {"truncated": True},
        "a5": ENTRY | {"event_type": None},
    }
    good = ENTRY | {"content": json.dumps(make_record())}
    store(client, "mail_statuses_quarantine", odd | {"ff": good})

    replayed = run("quarantine", "replay", "--all", "--url", url)

    assert replayed.exit_code == 1
    assert "a0: Its kind, event_type or content is missing or not readable" in replayed.stderr
    assert "a2: Its content is not JSON" in replayed.stderr
    assert "a4: It was stored incomplete" in replayed.stderr
    assert "could not be posted again: 5." in replayed.stderr
    assert [mail["message_id"] for mail in documents().values()] == ["<mail@example.com>"]
    assert run("quarantine", "delete", "--all").exit_code == 0
    assert [*client.collection("mail_statuses_quarantine").list_documents()] == []
