"""
The commands of .github/DEPLOYMENT.md, run as a reader pastes them.

Programs on PATH stand in for gcloud and the others: they note their arguments and answer as the
document expects. Whether the real gcloud takes these arguments is tested with those of every
document; what `deploy` runs, in tests/deployment.
"""

import itertools
import os
import re
import shlex
import subprocess
from typing import NamedTuple

import pytest

from cmc_webhook.deployment import steps
from cmc_webhook.settings import DEFAULTS
from tests.support.processes import ROOT

TEXT = (ROOT / ".github" / "DEPLOYMENT.md").read_text()
VARIABLES, *STEPS = BLOCKS = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.M | re.S)
# What the text asks the reader to choose.
CHOICES = "OLDER=v0.1.0\nBACKUP=projects/p/locations/l/backups/b\nMINUTE=2026-11-27T09:00:00Z\n"

# Notes each argument, then what came on standard input if it was asked for, then an end mark.
STAND_IN = r"""#!/bin/bash
stdin=
case "$*" in *--data-file=-*) stdin=$(cat) ;; esac
printf '%s\0' "${0##*/}" "$@" "$stdin" $'\x1e' >>"$CALLS"
case "$*" in
  "secrets versions access"*) printf 'first-key\nsecond-key\n' ;;
  "secrets versions "*) echo 5 ;;
  "rand "*) echo new-key ;;
  *) echo answer ;;
esac
"""


class Call(NamedTuple):
    program: str
    arguments: tuple[str, ...]
    stdin: str

    def __str__(self) -> str:
        return shlex.join([self.program, *self.arguments])

    def has(self, words: str) -> bool:
        return str(self).startswith(words)


def paste(script, folder):
    """Return the calls that an interactive shell makes when *script* is pasted into it."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name in ("gcloud", "npx", "openssl", "python", "git"):
        (programs / name).write_text(STAND_IN)
        (programs / name).chmod(0o755)
    calls = folder / "calls"
    calls.write_text("")
    subprocess.run(
        ["bash", "--norc", "--noprofile", "-i"],
        input=script, cwd=folder, capture_output=True, text=True, timeout=60,
        env={"PATH": f"{programs}:{os.environ['PATH']}", "CALLS": str(calls), "HISTFILE": ""},
    )  # fmt: skip
    words = calls.read_text().split("\0")[:-1]
    noted = [list(group) for end, group in itertools.groupby(words, "\x1e".__eq__) if not end]
    return [Call(program, tuple(arguments), stdin) for program, *arguments, stdin in noted]


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """The calls of the whole document, from top to bottom."""
    script = VARIABLES + CHOICES + "".join(STEPS)
    return paste(script, tmp_path_factory.mktemp("whole"))


def commands(calls, words):
    return [call for call in calls if call.has(words)]


def options(call):
    """Return the values of each option of *call*, by its name."""
    found = {}
    for argument in call.arguments:
        name, _, value = argument.partition("=")
        found.setdefault(name, []).append(value)
    return found


def section(heading):
    """Return the blocks under a heading."""
    text = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)


def test_every_variable_is_guarded():
    for block in BLOCKS:
        assert re.findall(r"\$[A-Z]\w*|\$\{[A-Z_]+\}", block) == []


@pytest.mark.parametrize("block", STEPS, ids=lambda block: block.splitlines()[0][:40])
def test_a_block_pasted_into_a_new_terminal_calls_nothing(block, tmp_path):
    called = paste(block, tmp_path)

    assert [str(call) for call in called if call.program != "openssl"] == []


def test_no_argument_is_empty(calls):
    assert len(calls) > 40
    for call in calls:
        assert "" not in call.arguments, call
        assert not any(argument.endswith("=") for argument in call.arguments), call


def test_every_command_names_the_project(calls):
    """gcloud's own configuration may name another."""
    for call in calls:
        if call.program in ("gcloud", "python") and "replay" not in call.arguments:
            assert "your-project" in str(call), call


def test_deploying_is_one_command():
    first, *_ = section("Deploy")

    assert first == (
        'python -m cmc_webhook deploy --project "${PROJECT:?}" --alert-email you@example.jp\n'
    )


def test_the_settings_of_the_functions_exist(calls):
    pairs = [
        pair.partition("=")[0]
        for call in commands(calls, "gcloud functions deploy cmc-")
        for name in ("--set-env-vars", "--update-env-vars", "--set-secrets", "--update-secrets")
        for value in options(call).get(name, [])
        for pair in value.split(",")
    ]

    assert {*pairs} == {"CMC_BASIC_CREDENTIALS", "CMC_MAIL_KEYS", "CMC_LOG_UNSTORED"}
    assert {*pairs} <= {*DEFAULTS}


def test_versions_of_secrets_come_from_google_and_never_from_the_document(calls):
    assert re.findall(r"(?:keys|basic):\d", TEXT) == []
    pinned = re.findall(r"(?:keys|basic):(\d+)", " ".join(map(str, calls)))
    assert pinned == ["5", "5"]


def test_going_back_is_two_commands_and_names_no_setting_and_no_secret(tmp_path):
    [block] = section("Go back")

    checked_out, deployed = paste(VARIABLES + CHOICES + block, tmp_path)

    assert str(checked_out) == "git checkout v0.1.0"
    assert deployed.has("gcloud functions deploy cmc-webhook ")
    assert options(deployed).keys() - {*deployed.arguments[:3]} == {
        *("--gen2", "--project", "--region", "--source", "--remove-labels"),
        "--serve-all-traffic-latest-revision",
    }
    # By these labels the next deploy sees which code runs.
    [labels] = options(deployed)["--remove-labels"]
    assert {*labels.split(",")} == {*steps.LABELS}


def test_nothing_is_destroyed(calls):
    assert "destroy" not in " ".join(map(str, calls))


def test_the_screen_of_cmc_comes_after_url_and_key():
    order = ["python -m cmc_webhook deploy", "prints the URL and", "Enter both in CMC"]

    assert sorted(order, key=TEXT.index) == order
