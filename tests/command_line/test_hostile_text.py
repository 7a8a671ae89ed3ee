"""Text of strangers never reaches a terminal as control characters, in any command or format."""

import json
import unicodedata

import pytest

from tests.support.odd_documents import ENTRY, MAIL, NOW, PREFIX, RECEIVED, RECEIVED_ENTRY
from tests.support.records import make_record

HOSTILE = "\x1b]0;t\x07\x1b[2J\x9b31m\x85\x7f\x08\u202eevil\u2066x\u2028y\u200b\r\n\U000e0041z"
DAY = MAIL["queued_on"]  # the statistics of one day name its subjects
REVERSING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def hostile(value):
    """Return *value* with hostile text in every text of it."""
    if isinstance(value, dict):
        return {name: hostile(each) for name, each in value.items()}
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return f"{HOSTILE}{value}{HOSTILE}" if isinstance(value, str) else value


@pytest.fixture
def documents_of_strangers(client):
    """A document of each kind with hostile text in every field, and in names of fields."""
    for collection, fields in (
        ("mail_statuses", MAIL),
        ("mail_statuses_quarantine", ENTRY),
        ("inbound_mails", RECEIVED),
        ("inbound_mails_quarantine", RECEIVED_ENTRY),
    ):
        words = {"status", "kind", "queued_on"} & fields.keys()
        odd = hostile(fields) | {name: fields[name] for name in words}
        odd |= {f"{HOSTILE}theirs": HOSTILE, "theirs": {f"{HOSTILE}name": HOSTILE}}
        for name in (f"{PREFIX}{HOSTILE}", "aa"):
            client.document(collection, name).set(odd)
    wrong = {name: {f"{HOSTILE}x": HOSTILE} for name in MAIL}
    client.document("mail_statuses", f"{PREFIX}wrong").set(wrong | {"status_at": NOW})


def harmful(text):
    return {
        c
        for c in text
        if (unicodedata.category(c) in ("Cc", "Zl", "Zp") and c not in "\t\n")
        or unicodedata.bidirectional(c) in REVERSING
    }


READERS = [
    ["list"],
    ["list", "--limit", "1"],
    ["list", "--to", HOSTILE],
    ["list", "--domain", HOSTILE],
    ["show", PREFIX],
    ["show", HOSTILE],
    ["stats", "--day", DAY],
    ["stats", "--domain", HOSTILE],
    ["export"],
    ["export", "--format", "jsonl"],
    ["quarantine", "list"],
    ["quarantine", "list", "--limit", "1"],
    ["quarantine", "list", "--inbound"],
    ["quarantine", "show", "aa"],
    ["quarantine", "show", "aa", "--inbound"],
    ["quarantine", "show", HOSTILE],
    ["quarantine", "replay", "--all", "--url", "http://127.0.0.1:1"],
    ["inbound", "list"],
    ["inbound", "show", PREFIX],
    ["doctor"],
]
WITH_JSON = [
    ["list", "--json"],
    ["show", PREFIX, "--json"],
    ["stats", "--day", DAY, "--json"],
    ["export", "--format", "jsonl"],
    ["quarantine", "list", "--json"],
    ["quarantine", "list", "--inbound", "--json"],
    ["inbound", "list", "--json"],
    ["inbound", "show", PREFIX, "--json"],
]


@pytest.mark.parametrize("command", READERS + WITH_JSON, ids=" ".join)
def test_no_command_prints_a_control_character(run, documents_of_strangers, command):
    printed = run(*command)

    # The lines of a CSV end with CR LF.
    stdout = printed.stdout.replace("\r\n", "\n") if command == ["export"] else printed.stdout
    assert printed.output
    assert harmful(stdout) == set()
    assert harmful(printed.stderr) == set()


@pytest.mark.parametrize("command", WITH_JSON, ids=" ".join)
def test_json_means_the_same(run, documents_of_strangers, command):
    lines = run(*command).stdout.splitlines()

    assert lines
    assert any(HOSTILE in text for line in lines for text in texts(json.loads(line)))


def texts(value):
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def test_a_file_is_as_harmless_as_the_terminal(run, post, tmp_path):
    post([make_record(subject="\x1b[2J\u202eevil 👨‍👩‍👧")])
    for form in ("csv", "jsonl"):
        run("export", "--format", form, "-o", str(tmp_path / form))

    csv_text = (tmp_path / "csv").read_text("utf-8-sig")
    assert "\ufffd[2J\ufffdevil 👨‍👩‍👧" in csv_text
    json_text = (tmp_path / "jsonl").read_text()
    assert r"\u001b[2J\u202eevil" in json_text
    assert json.loads(json_text)["subject"] == "\x1b[2J\u202eevil 👨‍👩‍👧"
