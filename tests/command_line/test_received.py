"""Received mail: `send --inbound`, `inbound list` and `show`, and its quarantine."""

import email.header
import json
import random
import re
from datetime import UTC, datetime, timedelta

import pytest

from cmc_webhook.command_line.table import width
from cmc_webhook.simulator.received import SENDERS, Form, received_mails
from cmc_webhook.simulator.received_posts import received_post

KEY = "a-key-for-tests-0123456789"
SUBJECT = "【至急】お見積りのお願いと、納期のご確認について(注文番号4711)"


@pytest.fixture
def mails(documents):
    """Read the documents of received mails."""
    return lambda: documents("inbound_mails")


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


@pytest.mark.parametrize("sender", [[], ["cmc"], ["sendgrid"]])
def test_received_mails_are_kept_as_they_were_written(run, inbound_url, mails, sender):
    sent = run(
        "send", "--inbound", *sender, "--count", "40", "--duplicate", "--concurrency", "4",
        "--verify", "--url", inbound_url,
    )  # fmt: skip

    assert sent.exit_code == 0, sent.output
    assert "40 stored" in sent.stdout
    assert "Verified: 40 mails; 0 differences." in sent.stdout
    providers = {mail["provider"] for mail in mails().values()}
    assert providers == (set(sender) or {"cmc", "sendgrid"})


def test_the_mails_are_as_japanese_mails_are():
    made = received_mails(300, SENDERS["both"], datetime.now(UTC), random.Random(1))
    posts = [received_post(mail, "") for mail in made]

    assert {mail.form for mail in made} == set(Form)
    assert {mail.charset for mail in made} == {"UTF-8", "ISO-2022-JP", "Shift_JIS"}
    names = {file.name for mail in made for file in mail.files}
    assert {"見積書.pdf", "注文一覧(1月).csv"} < names
    orders = next(f for mail in made for f in mail.files if f.name.endswith(".csv"))
    assert orders.content.decode("cp932").startswith("注文番号")
    assert any(mail.in_reply_to and mail.subject.startswith("Re: ") for mail in made)
    for mail, (body, content_type) in zip(made, posts, strict=True):
        assert content_type.startswith("application/json") == (mail.form is Form.CMC_JSON)
        assert not (mail.form is Form.CMC_JSON and mail.files)
        addresses = re.findall(r"@([a-z.]+)", f"{mail.sender} {mail.recipient} {mail.message_id}")
        assert all("example" in address.split(".") for address in addresses)
        for word in re.findall(rb"=\?[^?\s]+\?B\?[^?]*\?=", body):
            assert len(word) <= 75
            [(_, charset)] = email.header.decode_header(word.decode())
            assert charset in ("utf-8", mail.charset.lower())


def test_the_same_seed_sends_the_same_mails(run, inbound_url):
    command = ("send", "--inbound", "--count", "20", "--seed", "3", "--url", inbound_url)
    run(*command)

    again = run(*command)

    assert "0 stored, 20 unchanged" in again.stdout
    assert "--seed 3 --end 2025-01-25T05:03:06+00:00" in again.stderr


@pytest.mark.parametrize(
    ("field", "change", "told"),
    [
        ("subject", "別の件名", "subject is"),
        ("text", "別の本文", "text is"),
        ("from", {"address": "other@example.org"}, "from.address is"),
        ("to", [], "to.0.address is"),
        ("attachments", [], "attachments.0.file_name is null, not"),
        ("status_of", "<other@example.com>", "status_of is"),
    ],
)
def test_verify_names_the_mail_and_the_field_that_is_broken(
    run, inbound_url, client, mails, field, change, told
):
    command = (
        *("send", "--inbound", "--count", "9", "--seed", "7", "--verify"),
        *("--url", inbound_url),
    )
    assert run(*command).exit_code == 0
    name = next(name for name, mail in mails().items() if "attachments" in mail)
    client.document("inbound_mails", name).update({field: change})

    sent = run(*command)

    assert sent.exit_code == 1
    assert f"{name}: {told}" in sent.stderr


@pytest.mark.parametrize(("path", "value"), [("size", 1), ("sha256", "00"), ("file_name", "a")])
def test_verify_looks_at_every_attachment(run, inbound_url, client, mails, path, value):
    command = ("send", "--inbound", "sendgrid", "--count", "9", "--seed", "7", "--verify")
    assert run(*command, "--url", inbound_url).exit_code == 0
    name, mail = next((n, m) for n, m in mails().items() if len(m.get("attachments", ())) > 1)
    mail["attachments"][1][path] = value
    client.document("inbound_mails", name).update({"attachments": mail["attachments"]})

    sent = run(*command, "--url", inbound_url)

    assert sent.exit_code == 1
    assert f"{name}: attachments.1.{path} is {json.dumps(value)}, not" in sent.stderr


def test_verify_sees_a_mail_that_is_there_twice(run, inbound_url, client, mails):
    command = ("send", "--inbound", "--seed", "7", "--verify", "--url", inbound_url)
    run(*command)
    [(name, mail)] = mails().items()
    client.document("inbound_mails", f"{name}-again").set(mail)

    sent = run(*command)

    assert sent.exit_code == 1
    assert f"{mail['message_id']}: is there 2 times." in sent.stderr


def test_verify_misses_a_mail_that_is_not_there(run, careless_url):
    sent = run("send", "--inbound", "--verify", "--url", careless_url)

    assert sent.exit_code == 1
    assert "@mail.example.org>: is not there." in sent.stderr


@pytest.mark.parametrize(
    ("setting", "sender", "credential"),
    [
        ({"CMC_API_KEYS": KEY}, "both", ["--bearer", KEY]),
        ({"CMC_API_KEYS": KEY}, "cmc", ["--body-key", KEY]),
        ({"CMC_BASIC_CREDENTIALS": f"user:{KEY}"}, "both", ["--basic", f"user:{KEY}"]),
        ({"CMC_MAIL_KEYS": f"sendgrid:{KEY}"}, "both", []),
    ],
)
def test_each_credential_opens_the_function(
    run, serve_here, make_inbound, mails, setting, sender, credential
):
    url = serve_here(make_inbound, **setting)
    if not credential:
        assert run("send", "--inbound", "--url", f"{url}/").exit_code == 1
        url = f"{url}/?MailKey=sendgrid&MailSecret={KEY}"
    else:
        assert run("send", "--inbound", "--url", url).exit_code == 1

    sent = run("send", "--inbound", sender, "--count", "4", *credential, "--url", url)

    assert sent.exit_code == 0, sent.output
    assert len(mails()) == 4
    assert KEY not in sent.output


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["queued", "--inbound"], "status has no meaning"),
        (["--inbound", "queued"], "'queued'"),
        *(
            (["--inbound", *option], f"{option[0]} has no meaning")
            for option in (
                *(["--code", "2"], ["--scenario", "normal"], ["--recipients", "2"]),
                *(["--version", "2"], ["--format", "json"], ["--zone", "UTC"], ["--split"]),
                *(["--odd"], ["--reorder"], ["--cut"], ["--wrong-key"]),
            )
        ),
        (["--inbound", "--body-key", KEY], "SendGrid puts no key into the body"),
        (["--inbound", "--url", "https://cmc.example.com/"], "--real-url"),
    ],
)
def test_what_has_no_meaning_is_refused(run, arguments, word):
    refused = run("send", *arguments)

    assert refused.exit_code == 2
    [sentence] = [line for line in refused.stderr.splitlines() if line.startswith("Error")]
    assert word in sentence


def test_received_mail_goes_to_a_port_of_its_own(run):
    assert "to http://localhost:8083\n" in run("send", "--inbound").stderr


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
    # An address is never broken, so that it can be copied.
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


@pytest.mark.parametrize("name", ["<none@example.org>", "0000-none", "a/b", ""])
def test_a_mail_that_is_not_there_is_one_sentence(run, letter, name):
    shown = run("inbound", "show", name)

    assert shown.exit_code == 1
    assert "There is no mail" in shown.stderr


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

    assert "unknown_fields" in listed
    assert "gs://" in shown
    assert run("quarantine", "list").stdout == ""
    assert run("quarantine", "delete", entry[:6]).exit_code == 1
    assert run("quarantine", "delete", "--inbound", entry[:6]).exit_code == 0
    assert documents("inbound_mails_quarantine") == {}
