"""The command line as a whole: where it is, how it fails, how it is left."""

import os
import signal
import subprocess
import sys

import click
import pytest

from cmc_webhook.command_line.main import main
from cmc_webhook.simulator.posting import Message, Pace, deliver
from tests.support.faults import Fault, FaultyFirestore
from tests.support.processes import ROOT, Program, free_port
from tests.support.records import make_record

CONTEXT = click.Context(main)
COMMANDS = [
    [name, *below]
    for name in main.list_commands(CONTEXT)
    for below in (
        [[each] for each in getattr(main.get_command(CONTEXT, name), "commands", ())] or [[]]
    )
]


def test_the_overview_of_the_commands_cuts_no_sentence(run):
    for group in ([], ["inbound"], ["quarantine"]):
        overview = run(*group, "--help").stdout.split("Commands:")[1]
        assert "..." not in overview


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_has_examples(run, command):
    helped = run(*command, "--help")

    assert helped.exit_code == 0
    assert f"python -m cmc_webhook {' '.join(command)}" in helped.stdout
    assert max(map(len, helped.stdout.splitlines())) <= 80


def test_it_says_where_it_is_and_prefers_the_local_firestore(run, client, firestore_address):
    said = run("list").stderr

    assert firestore_address in said
    assert f"project {client.project}, database (default)" in said
    assert "mail_statuses and inbound_mails" in said


def test_what_it_says_of_its_place_and_of_a_repeat_fits_80_columns(run, url, monkeypatch):
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo-cmc-webhook")

    said = run("list").stderr + run("send", "queued", "--url", url).stderr

    assert said.splitlines()[0].endswith("project demo-cmc-webhook, database (default)")
    assert "To send the same again: --seed" in said
    assert max(map(len, said.splitlines())) <= 80


def test_without_a_local_firestore_it_goes_nowhere_else(run, monkeypatch):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{free_port()}")

    refused = run("list")

    assert refused.exit_code == 1
    assert "--project" in refused.stderr


def test_a_named_project_is_never_the_local_firestore(run, client, post, documents, monkeypatch):
    post([make_record(to="")])
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/none")  # nothing leaves this machine
    command = ("quarantine", "delete", "--all", "--yes")

    refused = run(*command, "--project", client.project)

    assert refused.exit_code == 1
    assert f"Firestore of Google, project {client.project}" in refused.stderr
    assert "gcloud auth application-default login" in refused.stderr
    assert len(documents("mail_statuses_quarantine")) == 1
    assert run(*command).exit_code == 0
    assert documents("mail_statuses_quarantine") == {}


@pytest.mark.parametrize("command", [["list"], ["list", "--since", "2025-01-25"], ["send"]])
def test_a_bad_setting_is_one_sentence(run, monkeypatch, command):
    monkeypatch.setenv("CMC_TIME_ZONE", "Nowhere")

    refused = run(*command)

    assert refused.exit_code == 2
    [sentence] = refused.stderr.splitlines()
    assert sentence.startswith("Error: CMC_TIME_ZONE='Nowhere' is not a time zone")


def test_a_database_that_cannot_be_is_wrong_usage(run):
    assert run("list", "--database", "Not A Database").exit_code == 2


def test_a_refusal_of_firestore_is_one_sentence(run, firestore_address, monkeypatch):
    faulty = FaultyFirestore(firestore_address)
    faulty.plan = lambda rpc: Fault(before="PERMISSION_DENIED")
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", faulty.address)

    refused = run("list")
    faulty.stop()

    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1].startswith("Error: Firestore: 403")


def test_a_broken_pipe_is_quiet(client, firestore_address, post):
    post([make_record(messageId=f"<{n}@example.com>", reason="長い理由" * 500) for n in range(99)])
    environ = os.environ | {"GOOGLE_CLOUD_PROJECT": client.project, "COLUMNS": "80"}
    command = f"{sys.executable} -m cmc_webhook export --format jsonl | head -c 10"

    done = subprocess.run(
        command, shell=True, cwd=ROOT, env=environ, capture_output=True, text=True
    )

    assert len(done.stdout) == 10
    assert done.stderr.startswith("Firestore on")
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("command", [["list"], ["export"], ["export", "-o", "/none/mails.csv"]])
def test_a_file_that_cannot_be_written_is_one_sentence(client, firestore_address, post, command):
    post([make_record()])
    environ = os.environ | {"GOOGLE_CLOUD_PROJECT": client.project}

    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cmc_webhook", *command],
            cwd=ROOT, env=environ, stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "Error: " in done.stderr


def test_posts_that_wait_for_the_rate_limit_stop_at_once():
    pace = Pace(0.001)
    answers = deliver("http://127.0.0.1:1", [Message(b"", "")] * 3, pace=pace, senders=3)

    assert next(answers).text.startswith("no answer")
    answers.close()  # would take a thousand seconds


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
    reason="a shell that runs this in the background makes every program ignore Ctrl-C",
)
def test_ctrl_c_is_quiet(client, firestore_address, serve):
    port = serve(CMC_ALLOW_UNAUTHENTICATED="true").port
    arguments = ["send", "queued", "--count", "100", "--rate", "1"]
    program = Program(
        "cmc_webhook", *arguments, "--url", f"http://127.0.0.1:{port}",
        FIRESTORE_EMULATOR_HOST=firestore_address,
    )  # fmt: skip
    while "posts to" not in program.output():
        assert program.process.poll() is None, program.output()

    assert program.send(signal.SIGINT) == 130
    assert "Traceback" not in program.output()
    program.stop()


def test_no_colour_where_there_is_no_terminal(client, firestore_address, post):
    post([make_record(status="failed")])
    environ = os.environ | {"GOOGLE_CLOUD_PROJECT": client.project}

    done = subprocess.run(
        [sys.executable, "-m", "cmc_webhook", "list"],
        cwd=ROOT, env=environ, capture_output=True, text=True,
    )  # fmt: skip

    assert "Failed" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
