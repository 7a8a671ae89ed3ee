"""`quarantine` and `replay`: what could not be read or stored, posted again or deleted."""

import json
from collections import Counter

import pytest

from tests.support.faults import FaultyFirestore
from tests.support.records import as_form, make_post, make_record


@pytest.fixture
def bad(post, function):
    """A bad record, and a body that is none of CMC's."""
    post([make_record(to="", subject="宛先なし")])
    function.post("/", data=b"hello=world")


def entries(run):
    return [json.loads(line) for line in run("quarantine", "list", "--json").stdout.splitlines()]


def test_quarantine_lists_and_shows(run, bad):
    listed = run("quarantine", "list").stdout
    [record] = [e for e in entries(run) if e["why"] == "missing_recipient"]

    assert "no usable recipient" in listed
    assert "the body holds no event" in listed
    assert max(map(len, listed.splitlines())) <= 80
    shown = run("quarantine", "show", record["id"][:12]).stdout
    assert "宛先なし" in shown.replace("\n", "")
    assert "no usable recipient" in shown


def test_an_empty_quarantine_says_so(run):
    listed = run("quarantine", "list", "--json")

    assert (listed.exit_code, listed.stdout) == (0, "")
    assert listed.stderr.splitlines()[-1] == "Nothing in quarantine."


def test_a_list_goes_on_where_it_says(run, bad):
    first = run("quarantine", "list", "--json", "--limit", "1")
    after = first.stderr.split("--after '")[1].split("'")[0]

    second = run("quarantine", "list", "--json", "--after", after)

    assert [json.loads(first.stdout), json.loads(second.stdout)] == entries(run)
    assert "--after" not in second.stderr


def test_what_is_replayed_is_the_same_again(run, bad, url):
    before = entries(run)

    replayed = run("quarantine", "replay", "--all", "--url", url)

    assert replayed.exit_code == 1  # the body is still no event
    assert "1 of 2 posts were not accepted" in replayed.stderr
    assert entries(run) == before


def test_a_record_is_stored_once_its_cause_is_fixed(run, client, bad, url, documents):
    [entry] = [e for e in entries(run) if e["why"] == "missing_recipient"]
    fixed = json.loads(entry["content"]) | {"to": "user@example.jp"}
    name = f"mail_statuses_quarantine/{entry['id']}"
    client.document(name).update({"content": json.dumps(fixed)})

    assert run("quarantine", "replay", entry["id"][:8], "--url", url).exit_code == 0

    assert [d["subject"] for d in documents().values()] == ["宛先なし"]


def test_delete_deletes_what_is_named(run, bad):
    first, second = entries(run)

    assert "Deleted entries of project" in run("quarantine", "delete", first["id"][:12]).stdout
    assert entries(run) == [second]
    assert run("quarantine", "delete", first["id"][:12]).exit_code == 1
    assert run("quarantine", "delete", "--all").exit_code == 0
    assert entries(run) == []


def test_many_are_deleted_at_once(run, bad, firestore_address, monkeypatch):
    faulty = FaultyFirestore(firestore_address)
    asked = Counter()
    faulty.plan = lambda rpc: asked.update([rpc])
    with monkeypatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", faulty.address)
        deleted = run("quarantine", "delete", "--all").stdout
    faulty.stop()

    assert deleted.endswith(": 2.\n")
    assert asked["Commit"] == 1
    assert entries(run) == []


@pytest.mark.parametrize("arguments", [["delete"], ["delete", "ab", "--all"], ["replay"]])
def test_nothing_is_chosen_by_accident(run, bad, arguments):
    assert run("quarantine", *arguments).exit_code == 2


@pytest.mark.parametrize("command", ["delete", "replay"])
def test_with_a_project_it_asks_first(run, bad, real_project, url, command):
    target = ("--url", url) if command == "replay" else ()
    arguments = ("quarantine", command, "--all", "--project", real_project, *target)

    refused = run(*arguments, input="n\n")

    assert refused.exit_code == 1
    assert f"of project {real_project}" in refused.stderr
    assert len(entries(run)) == 2

    done = run(*arguments, "--yes")

    assert "[y/N]" not in done.output
    if command == "delete":
        assert done.exit_code == 0
        assert entries(run) == []
    else:  # the body is still no event
        assert "1 of 2 posts were not accepted" in done.stderr


def test_replaying_a_file_twice_changes_nothing(run, url, tmp_path, documents):
    form, _ = as_form(make_post([make_record(messageId="<form@example.com>")]))
    file = tmp_path / "bodies.jsonl"
    file.write_text(f"{json.dumps(make_post([make_record()]))}\n\n{json.dumps(form.decode())}\n")

    first = run("replay", str(file), "--url", url)
    after_first = documents()
    second = run("replay", str(file), "--url", url)

    assert "2 stored, 0 unchanged" in first.stdout
    assert "0 stored, 2 unchanged" in second.stdout
    assert documents() == after_first
    assert len(after_first) == 2


def test_replay_carries_the_key(run, serve_here, tmp_path):
    url = serve_here(CMC_API_KEYS="a-key-for-tests-0123456789")
    file = tmp_path / "bodies.jsonl"
    file.write_text(json.dumps(make_post([make_record()])))

    assert run("replay", str(file), "--url", url).exit_code == 1
    for option in ("--bearer", "--body-key"):
        key = (option, "a-key-for-tests-0123456789")
        assert run("replay", str(file), "--url", url, *key).exit_code == 0


def test_bytes_that_are_no_text_are_replayed_as_they_came(run, function, url):
    function.post("/", data=b"hello=\xff\x8a")
    before = entries(run)

    run("quarantine", "replay", "--all", "--url", url)

    assert entries(run) == before


@pytest.mark.parametrize("line", [b"[1]", b"\xff\xfe", b'"\\ud800"', b"[" * 100_000, b"{"])
def test_a_line_that_is_no_body_is_named(run, tmp_path, line):
    file = tmp_path / "bodies.jsonl"
    file.write_bytes(b'{"event": {}}\n' + line + b"\n")

    refused = run("replay", str(file))

    assert refused.exit_code == 1
    assert "Line 2" in refused.stderr


def test_replay_to_another_machine_asks_first(run, tmp_path):
    file = tmp_path / "bodies.jsonl"
    file.write_text(json.dumps(make_post([make_record()])))

    refused = run("replay", str(file), "--url", "https://cmc.example.com/", input="n\n")

    assert refused.exit_code == 1
    assert "https://cmc.example.com/" in refused.stderr
