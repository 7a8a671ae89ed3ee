"""`doctor`: finds each planted fault and nothing else, and nothing once it is fixed."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from cmc_webhook.reading.table import width
from cmc_webhook.reading.texts import LANGUAGES, load
from tests.support.documents import Document
from tests.support.faults import Fault, FaultyFirestore

# Long enough for a bounce to follow, and no offset between time zones.
EARLIER = (datetime.now(UTC) - timedelta(minutes=37)).isoformat(timespec="seconds")


@pytest.fixture
def sound(run, url):
    """A deployment with which nothing is wrong."""
    run("send", "--scenario", "campaign", "--count", "30", "--url", url)


@pytest.fixture(autouse=True)
def wide_terminal(run, monkeypatch):
    """Each finding in one line."""
    monkeypatch.setenv("COLUMNS", "1000")


def seen(run, *arguments):
    """Return the findings, without their numbers, and hold them against the exit status."""
    examined = run("doctor", *arguments)
    lines = examined.stdout.splitlines()
    found = [line.split(maxsplit=1)[1] for line in lines if line[:1].isdigit()]
    assert examined.exit_code == (1 if found else 0), examined.output
    assert ("Problems: " in examined.stdout) == bool(found)
    assert ("No problem was found." in examined.stdout) == (not found)
    return found


def test_it_begins_with_the_verdict_and_ends_with_what_is_not_seen(run, sound, real_project):
    verdict, *others = run("doctor").stdout.splitlines()

    assert verdict.startswith("No problem was found. Checked ")
    assert "Nothing was found in: settings, credentials, " in others[1]
    assert "gcloud" not in "".join(others)  # the terminal of the devserver has these posts
    assert "gcloud logging read" in run("doctor", "--project", real_project).stdout
    assert seen(run) == []


def test_problems_come_before_what_is_fine(run, url, sound):
    run("replay", "-", "--url", url, input='"hello=world"')

    verdict, _, *others = run("doctor").stdout.splitlines()

    assert verdict.startswith("Problems: 1. Checked ")
    assert others[0] == "1.  Records in quarantine: 1."
    assert "quarantine" not in next(line for line in others if line.startswith("Nothing was found"))


def test_what_it_says_fits_80_columns(run, url, monkeypatch):
    run("send", "queued", "--zone", "UTC", "--url", url)
    monkeypatch.setenv("COLUMNS", "80")

    examined = run("doctor").stdout

    assert "1.  Times are 9 hours early: " in examined
    assert max(map(width, examined.splitlines())) <= 80


@pytest.mark.parametrize(
    ("zone", "told"),
    [("UTC", "9 hours early"), ("Asia/Kathmandu", "3.25 hours early"), ("Etc/GMT-12", "3 hours")],
)
def test_a_wrong_time_zone_shows_in_the_message_ids(run, url, zone, told):
    run("send", "queued", "--count", "10", "--zone", zone, "--url", url)
    [found] = seen(run)
    assert told in found

    run("send", "queued", "--count", "10", "--url", url)
    assert seen(run) == []


@pytest.mark.parametrize(("zone", "told"), [("UTC", "9 hours early"), ("Etc/GMT-12", "3 hours")])
def test_a_wrong_time_zone_shows_in_the_arrival(run, url, client, zone, told):
    run("send", "succeeded", "--count", "3", "--zone", zone, "--url", url)
    [found] = seen(run)
    assert told in found

    for document in client.collection("mail_statuses").stream():
        document.reference.delete()
    run("send", "succeeded", "--count", "3", "--url", url)
    assert seen(run) == []


def test_a_clock_that_is_wrong(run, url):
    ahead = (datetime.now(UTC) + timedelta(minutes=5)).isoformat(timespec="seconds")
    run("send", "queued", "--count", "10", "--end", ahead, "--url", url)
    [found] = seen(run)
    assert "before they happen" in found

    run("send", "queued", "--count", "10", "--url", url)
    assert seen(run) == []


def test_bounces_that_are_not_ticked(run, url):
    run("send", "failed", "--count", "3", "--end", EARLIER, "--url", url)
    [found] = seen(run)
    assert found.startswith("Mails that failed: 3, and none")

    run("send", "bounce", "--url", url)
    assert seen(run) == []


def test_version_1_in_use(run, url, sound):
    run("send", "queued", "--version", "1", "--count", "3", "--url", url)
    [found] = seen(run)
    assert "Version 1 is likely" in found

    run("send", "queued", "--url", url)
    assert seen(run) == []


def test_the_sections_that_it_names_exist():
    documents = {"en": ".github/DEPLOYMENT.md", "ja": ".github/DEPLOYMENT.ja.md"}
    for language in LANGUAGES:
        document = documents[language]
        headings = {text for _, text in Document(document).headings()}
        remedies = [text for key, text in load(language).items() if key.startswith("remedy.")]
        naming = [text for text in remedies if document in text]
        assert len(naming) == 3
        assert all(any(heading in text for heading in headings) for text in naming)


def test_nothing_received_yet(run, url):
    assert seen(run) == ["Nothing has been received yet."]

    run("send", "queued", "--url", url)
    assert seen(run) == []


def test_nothing_received_for_long(run, url, client, documents):
    old = (datetime.now(UTC) - timedelta(days=5)).isoformat(timespec="seconds")
    run("send", "queued", "--end", old, "--url", url)
    [name] = documents()
    received_at = datetime.fromisoformat(old) + timedelta(seconds=2)
    client.document("mail_statuses", name).update({"last_received_at": received_at})
    assert seen(run) == ["Nothing has been received for 4 days."]

    run("send", "queued", "--url", url)
    assert seen(run) == []


def test_a_quarantine_that_is_not_empty(run, url, sound):
    run("replay", "-", "--url", url, input='"hello=world"')
    assert seen(run) == ["Records in quarantine: 1."]

    run("quarantine", "delete", "--all")
    assert seen(run) == []


def test_a_quarantine_of_received_mail_that_is_not_empty(run, inbound_url, sound):
    run("replay", "-", "--url", inbound_url, input='"hello=world"')
    assert seen(run) == ["Received mails in quarantine: 1."]

    run("quarantine", "delete", "--inbound", "--all")
    assert seen(run) == []


@pytest.mark.parametrize(
    ("setting", "bad", "good", "told"),
    [
        ("CMC_API_KEYS", "short", "a-key-for-tests-0123456789", "fewer than 16"),
        ("CMC_BASIC_CREDENTIALS", "a-long-user-name:short", "u:0123456789abcdef", "fewer than 16"),
        ("CMC_ALLOW_UNAUTHENTICATED", "true", "false", "anybody can post"),
        ("CMC_TIMEZONE", "UTC", "", "CMC_TIME_ZONE"),
    ],
)
def test_settings_that_are_wrong(run, sound, monkeypatch, setting, bad, good, told):
    monkeypatch.setenv(setting, bad)
    [found] = seen(run)
    assert told in found

    monkeypatch.setenv(setting, good) if good else monkeypatch.delenv(setting)
    assert seen(run) == []


def test_mails_that_outlive_their_expiry_in_a_project(run, sound, client, documents, real_project):
    name = next(iter(documents()))
    mail = client.document("mail_statuses", name)
    long_ago = datetime.now(UTC) - timedelta(days=9)
    mail.update({"expires_at": long_ago, "last_received_at": long_ago})
    [found] = seen(run, "--project", real_project)
    assert "TTL policy" in found

    mail.delete()
    assert seen(run, "--project", real_project) == []


def test_an_index_that_is_missing(run, sound, firestore_address, monkeypatch):
    faulty = FaultyFirestore(firestore_address)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", faulty.address)
    counts = itertools.count()

    def refuse_second_probe(rpc):
        # The first counts are those of the two quarantines, then comes one for each index.
        return Fault(before="FAILED_PRECONDITION") if rpc == COUNT and next(counts) == 3 else None

    faulty.plan = refuse_second_probe
    found = seen(run)
    faulty.plan = lambda rpc: None
    fixed = seen(run)
    faulty.stop()

    assert found == ["The index of to and status_at is missing or not ready."]
    assert fixed == []


COUNT = "RunAggregationQuery"
