"""`list`, `show`, `stats` and `export`: what people get to read."""

import itertools
import json
import shlex
from collections import Counter
from datetime import UTC, datetime

import pytest
from google.cloud import firestore

from cmc_webhook.local_firestore.server import start
from cmc_webhook.reading.statuses import INDEXED, Filters, MailStatuses
from cmc_webhook.reading.table import width
from tests.support.faults import Fault, FaultyFirestore
from tests.support.records import make_record

SUBJECT = "【重要】パスワード再設定のご案内と、会員登録内容の確認のお願い"


@pytest.fixture
def mails(post):
    """Three mails: queued, succeeded, and bounced with everything that a filter asks for."""
    queued, succeeded = "<queued@example.com>", "<succeeded@example.com>"
    post([make_record(messageId=queued, subject=SUBJECT, created="2025-01-25 09:00:00")])
    post([make_record(messageId=succeeded, status="succeeded", created="2025-01-26 09:00:00")])
    bounced = make_record(
        messageId="<bounced@example.com>",
        to="Gone@Example.co.jp",
        status="2",
        created="2025-01-27 00:30:00",
        apiData="order-4711",
        reason="550 no such user",
    )
    post([bounced | {"status": "failed", "created": "2025-01-27 00:29:59"}], [bounced])


def listed(result):
    assert result.exit_code == 0, result.output
    return [json.loads(line)["message_id"] for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([], ["<bounced@example.com>", "<succeeded@example.com>", "<queued@example.com>"]),
        (["--status", "queued"], ["<queued@example.com>"]),
        (
            ["--status", "queued", "--status", "succeeded"],
            ["<succeeded@example.com>", "<queued@example.com>"],
        ),
        (["--to", "GONE@example.co.jp"], ["<bounced@example.com>"]),
        (["--domain", "example.co.jp"], ["<bounced@example.com>"]),
        (["--message-id", "<queued@example.com>"], ["<queued@example.com>"]),
        (["--api-data", "order-4711"], ["<bounced@example.com>"]),
        (["--cause", "unknown_user"], ["<bounced@example.com>"]),
        (["--since", "2025-01-27"], ["<bounced@example.com>"]),
        (["--until", "2025-01-26"], ["<queued@example.com>"]),
        (["--since", "2025-01-26", "--until", "2025-01-27"], ["<succeeded@example.com>"]),
        (["--cause", "unknown_user", "--domain", "example.jp"], []),
    ],
)
def test_list_has_each_filter_and_the_newest_first(run, mails, filters, found):
    assert listed(run("list", "--json", *filters)) == found


def test_a_list_goes_on_where_it_says(run, mails):
    first = run("list", "--json", "--limit", "2")
    after = first.stderr.split("--after '")[1].split("'")[0]

    assert listed(first) == ["<bounced@example.com>", "<succeeded@example.com>"]
    assert listed(run("list", "--json", "--after", after)) == ["<queued@example.com>"]
    for nowhere in ("nowhere", "2025-01-25T00:00:00+00:00/a/b", "0001-01-01T00:00:00+14:00/a"):
        assert run("list", "--after", nowhere).exit_code == 2


def test_a_list_fits_the_terminal_with_japanese_in_line(run, mails):
    head, *rows = run("list").stdout.splitlines()

    assert len(rows) == 3
    assert all(width(row) <= 80 for row in [head, *rows])
    column = width(head[: head.index("subject")])
    for row in rows:
        place = next(i for i in range(len(row)) if width(row[:i]) == column)
        assert row[place - 1] == " "
        assert row[place:].startswith(("【重要】", "件名"))
    assert rows[-1].endswith("…")


def test_times_are_in_the_configured_zone(run, mails, monkeypatch):
    assert "01-27 00:30" in run("list").stdout
    monkeypatch.setenv("CMC_TIME_ZONE", "UTC")

    assert "01-26 15:30" in run("list").stdout
    assert listed(run("list", "--json", "--since", "2025-01-27")) == []


def test_what_a_mail_says_cannot_move_the_cursor(run, post):
    post([make_record(subject="\x1b[2J\u202eevil")])

    for command in (["list"], ["show", "<mail@example.com>"]):
        assert not {"\x1b", "\u202e"} & set(run(*command).stdout)


def test_show_tells_the_story_and_what_it_means(run, mails, documents):
    [name] = [n for n, d in documents().items() if d["status"] == "bounced"]

    shown = run("show", "<bounced@example.com>").stdout

    assert "Ask the recipient to confirm the address." in shown
    assert "2025-01-27 00:29:59  Failed" in shown
    assert "2025-01-27 00:30:00  Bounced 2" in shown
    assert shown == run("show", "bounced@example.com").stdout
    assert shown == run("show", name).stdout
    assert shown == run("show", name[:13]).stdout
    # What may be copied is in one line.
    [copied] = [line for line in shown.splitlines() if width(line) > 80]
    assert copied.startswith("We could not deliver our mail")
    assert json.loads(run("show", name, "--json").stdout)["id"] == name


@pytest.mark.parametrize(
    ("created", "says"), [("2025-01-26 09:00:00", True), ("2025-01-25 14:03:05", False)]
)
def test_show_says_that_something_later_succeeded(run, post, created, says):
    bounce = make_record(status="2", created="2025-01-25 14:03:06")
    post([make_record(status="succeeded", created=created)], [bounce])

    shown = " ".join(run("show", "<mail@example.com>").stdout.split())

    sentence = f"Later, at {created}, the receiving server accepted a mail with the same message ID"
    assert "status Bounced" in shown
    assert (sentence in shown) == says


def test_show_has_every_recipient_of_a_mail(run, post):
    post([make_record(to="a@example.jp"), make_record(to="b@example.jp")])

    shown = run("show", "<mail@example.com>").stdout

    assert "a@example.jp" in shown
    assert "b@example.jp" in shown


@pytest.mark.parametrize("name", ["<none@example.com>", "0000-none", "a/b"])
def test_a_mail_that_is_not_there_is_one_sentence(run, name):
    shown = run("show", name)

    assert shown.exit_code == 1
    assert "There is no mail" in shown.stderr


NEWEST = "the newest is of 2025-01-27 00:30:00: python -m cmc_webhook list --limit 1"


@pytest.mark.parametrize(
    "command",
    [
        ["list", "--to", "nobody@example.jp"],
        ["list", "--json", "--since", "2025-01-28"],
        ["stats"],
        ["stats", "--days", "1", "--json"],
        ["stats", "--days", "30", "--domain", "example.jp"],
    ],
)
def test_where_there_are_other_mails_nothing_is_called_empty(run, mails, command):
    result = run(*command)

    assert result.exit_code == 0
    assert result.stderr.splitlines()[-1] == f"No mails match; {NEWEST}"
    assert result.stdout == "" or (command[0] == "stats" and json.loads(result.stdout))


def test_the_command_that_shows_the_newest_mail_shows_it(run, mails, real_project):
    where = ("--project", real_project, "--database", "(default)")

    said = run("stats", *where).stderr.splitlines()[-1]
    command = said.partition("python -m cmc_webhook ")[2]

    assert command.endswith(f"--project {real_project} --database '(default)'")
    assert "2025" not in run("list", "--status", "unknown", *where).stdout
    assert listed(run(*shlex.split(command), "--json")) == ["<bounced@example.com>"]


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["stats"]])
def test_without_any_mail_it_says_how_to_get_one(run, command):
    result = run(*command)

    assert (result.exit_code, result.stdout) == (0, "")
    said = result.stderr.splitlines()[-1]
    assert said == "No mails yet; send test events with: python -m cmc_webhook send"


def test_without_any_mail_in_a_project_it_names_the_doctor(run, real_project):
    said = run("stats", "--project", real_project).stderr.splitlines()[-1]

    command = f"python -m cmc_webhook doctor --project {real_project}"
    assert said == f"No mails yet; look for the cause with: {command}"


def test_the_end_of_a_list_is_not_called_empty(run, mails):
    last = run("list", "--limit", "3").stderr.split("--after '")[1].split("'")[0]

    assert run("list", "--after", last).stderr.splitlines()[-1] == "There are no more."


def test_stats_count_only_what_days_have(run, post, firestore_address, monkeypatch):
    now = datetime.now(UTC).isoformat(timespec="seconds")
    post([make_record(created=now)])
    faulty = FaultyFirestore(firestore_address)
    asked = Counter()
    faulty.plan = lambda rpc: asked.update([rpc])
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", faulty.address)

    counted = json.loads(run("stats", "--days", "30", "--json").stdout)
    faulty.stop()

    assert [day["received"] for day in counted["day"].values()] == [1, *[0] * 29]
    assert asked == {"RunAggregationQuery": 30 + 4}


def test_exported_json_lines_have_every_field(run, mails, documents):
    exported = run("export", "--format", "jsonl").stdout.splitlines()

    by_id = {record.pop("id"): record for record in map(json.loads, exported)}
    assert {name: set(fields) for name, fields in by_id.items()} == {
        name: set(fields) for name, fields in documents().items()
    }


def test_an_export_that_breaks_off_says_how_to_go_on(
    run, mails, tmp_path, firestore_address, monkeypatch
):
    whole, parts = tmp_path / "whole.csv", tmp_path / "parts.csv"
    run("export", "-o", str(whole))
    monkeypatch.setattr("cmc_webhook.command_line.export._PAGE", 2)
    faulty = FaultyFirestore(firestore_address)
    pages = itertools.count(1)
    faulty.plan = lambda rpc: (
        Fault(before="PERMISSION_DENIED") if rpc == "RunQuery" and next(pages) == 2 else None
    )
    with monkeypatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", faulty.address)
        broken = run("export", "-o", str(parts))
    faulty.stop()
    after = broken.stderr.split("--after '")[1].split("'")[0]

    assert broken.exit_code == 1
    assert whole.read_text().startswith(parts.read_text())
    assert run("export", "-o", str(parts), "--after", after).exit_code == 0
    assert parts.read_text() == whole.read_text()


def test_an_export_goes_on_in_the_same_file(run, mails, tmp_path):
    whole, parts = tmp_path / "whole.csv", tmp_path / "parts.csv"
    run("export", "-o", str(whole))
    after = run("list", "--limit", "1").stderr.split("--after '")[1].split("'")[0]

    head, first, *_ = whole.read_text().splitlines(keepends=True)
    parts.write_text(head + first)
    run("export", "-o", str(parts), "--after", after)

    assert parts.read_text() == whole.read_text()


@pytest.mark.builtin
def test_filters_together_need_no_more_indexes_than_each_by_itself(monkeypatch, caplog):
    server = start(data=":memory:", port=0)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
    statuses = MailStatuses(firestore.Client(project="demo-indexes"), "mail_statuses")
    caplog.set_level("INFO")
    now = datetime.now(UTC)
    texts = {"to": "x", "domain": "x", "message_id": "x", "api_data": "x"}
    texts |= {"composition": "x", "subject": "x", "receiver": "au"}
    every = Filters(
        statuses=("failed", "bounced"),
        causes=("other", "unknown"),
        classes=("soft",),
        diagnoses=("content",),
        days=("2026-11-27",),
        outcomes=("failed",),
        late=True,
        since=now,
        until=now,
        **texts,
    )

    statuses.listing(every).page(10)
    statuses.counts([every])
    statuses.last_received(1)
    server.stop()

    [needed] = {message[message.index("--field") :] for message in caplog.messages}
    fields = [config.split("=", 1)[1] for config in needed.split()]
    # Firestore merges indexes of one field each that agree in how they go on.
    single = {f"field-path={field},order=ascending" for field in INDEXED}
    assert set(fields) == {*single, "field-path=status_at,order=descending"}
