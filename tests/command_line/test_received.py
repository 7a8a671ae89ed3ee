"""Received mail: `inbound list`, `inbound show`, and its quarantine."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from cmc_webhook.reading.table import width

SUBJECT = "【至急】お見積りのお願いと、納期のご確認について(注文番号4711)"


@pytest.fixture
def letter(client):
    """A received mail with everything that is shown, beside one of which little is known."""
    at = datetime(2025, 1, 25, 5, 3, 6, tzinfo=UTC)
    fields = {
        "received_at": at,
        "date": at - timedelta(minutes=1),
        "from": {"name": "山田 太郎", "address": "taro@example.jp"},
        "to": [{"address": "support@example.com"}, {"address": "second@example.com"}],
        "envelope_to": ["support@example.com"],
        "subject": SUBJECT,
        "message_id": "<mail@example.org>",
        "in_reply_to": "<sent@example.com>",
        "status_of": "<sent@example.com>",
        "text": "本文です。\r\n\r\n\t字下げ" + "長い文。" * 40,
        "attachments": [
            {
                "file_name": "見積書.pdf",
                "content_type": "application/pdf",
                "size": 12345,
                "sha256": "ab" * 32,
                "stored_at": f"gs://bucket/0a1b-mail@example.org.0123/{'ab' * 32}",
            }
        ],
    }
    collection = client.collection("inbound_mails")
    collection.document("0a1b-mail@example.org.0123").set(fields)
    bare = {"received_at": at + timedelta(hours=1), "html": "<p>ようこそ</p>"}
    collection.document("ffff-other").set(bare)
    return fields


def test_a_list_fits_the_terminal(run, letter, monkeypatch):
    head, first, second = run("inbound", "list").stdout.splitlines()

    assert first.startswith("ffff-other")
    assert second.startswith("0a1b-mail@exa  01-25 14:03  山田 太郎  1      【至急】")
    assert head.startswith("id             received     from       files  subject")
    assert max(map(width, (head, first, second))) <= 80
    assert second.endswith("…")
    [latest] = run("inbound", "list", "--json", "--limit", "1").stdout.splitlines()
    assert json.loads(latest)["received_at"] == "2025-01-25T15:03:06+09:00"
    monkeypatch.setenv("CMC_TIME_ZONE", "UTC")
    assert "01-25 05:03" in run("inbound", "list").stdout


def test_a_list_in_json_has_every_field(run, letter):
    listed = run("inbound", "list", "--json").stdout.splitlines()

    assert [set(json.loads(line)) for line in listed] == [
        {"id", "received_at", "html"},
        {"id", *letter},
    ]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_list_goes_on_where_it_says(run, letter, form):
    first = run("inbound", "list", "--limit", "1", *form)
    after = first.stderr.split("--after '")[1].split("'")[0]

    second = run("inbound", "list", "--after", after, *form)

    assert "ffff-other" in first.stdout
    assert "ffff-other" not in second.stdout
    assert "0a1b-mail" in second.stdout
    assert "--after" not in second.stderr


def test_show_has_people_thread_text_and_attachments(run, letter):
    name = "0a1b-mail@example.org.0123"

    lines = run("inbound", "show", name).stdout.splitlines()

    assert lines[0] == SUBJECT
    labelled = dict(line.split(maxsplit=1) for line in lines[1:] if re.match("[a-z]", line))
    assert labelled["from"] == "山田 太郎 <taro@example.jp>"
    assert labelled["to"] == "support@example.com, second@example.com"
    assert labelled["date"] == "2025-01-25 14:02:06 (Asia/Tokyo)"
    assert labelled["status_of"] == "<sent@example.com>"
    assert labelled["attachment"] == "見積書.pdf (12,345 bytes, application/pdf)"
    # In one line, so that it can be copied.
    assert f"    {letter['attachments'][0]['stored_at']}" in lines
    assert "本文です。" in lines
    assert any(line.startswith("        字下げ") for line in lines)
    assert all(width(line) <= 80 for line in lines if "gs://" not in line)


@pytest.mark.parametrize("name", ["0a1b-", "<mail@example.org>", "mail@example.org"])
def test_show_finds_a_mail_by_any_of_its_names(run, letter, name):
    shown = run("inbound", "show", name, "--json")

    assert json.loads(shown.stdout)["id"] == "0a1b-mail@example.org.0123"


def test_show_says_what_there_is_instead_of_text(run, letter):
    assert "HTML" in run("inbound", "show", "ffff-other").stdout


def test_a_sender_without_an_address_is_shown_by_name(run, client):
    fields = {"received_at": datetime(2025, 1, 25, tzinfo=UTC), "from": {"name": "MAILER-DAEMON"}}
    client.collection("inbound_mails").document("0a1b-bounce").set(fields)

    assert "MAILER-DAEMON" in run("inbound", "list").stdout
    assert re.search("from +MAILER-DAEMON\n", run("inbound", "show", "0a1b-bounce").stdout)


@pytest.mark.parametrize("name", ["<none@example.org>", "0000-none", "a/b", ""])
def test_a_mail_that_is_not_there_is_one_sentence(run, letter, name):
    shown = run("inbound", "show", name)

    assert shown.exit_code == 1
    assert "There is no mail" in shown.stderr


def test_an_empty_list_says_so(run):
    listed = run("inbound", "list")

    assert (listed.exit_code, listed.stdout) == (0, "")
    assert listed.stderr.splitlines()[-1] == "No mail has been received."


def test_what_a_stranger_writes_cannot_move_the_cursor(run, client):
    evil = "\x1b]0;evil\x07\x1b[2J\u202e\u2066\x9b1m\r戻る\u200f"
    fields = {
        "received_at": datetime.now(UTC),
        "subject": evil,
        "from": {"name": evil, "address": evil},
        "to": [{"address": evil}],
        "message_id": evil,
        "text": evil,
        "attachments": [{"file_name": evil, "content_type": evil, "stored_at": evil, "size": 1}],
    }
    client.document("inbound_mails/0a1b-evil").set(fields)

    for command in (["list"], ["show", "0a1b-evil"]):
        shown = run("inbound", *command).stdout
        assert "戻る" in shown
        assert not set("\x1b\x07\r\x9b\u202e\u2066\u200f") & set(shown)


def test_the_quarantine_of_received_mail_is_within_reach(run, inbound_url, documents):
    run("replay", "-", "--url", inbound_url, input='"hello=world"')
    [entry] = documents("inbound_mails_quarantine")

    listed = run("quarantine", "list", "--inbound").stdout
    shown = run("quarantine", "show", "--inbound", entry[:6]).stdout

    assert "fields of no known" in listed
    assert "gs://" in shown
    assert run("quarantine", "list").stdout == ""
    assert run("quarantine", "delete", entry[:6]).exit_code == 1
    assert run("quarantine", "delete", "--inbound", entry[:6]).exit_code == 0
    assert documents("inbound_mails_quarantine") == {}
