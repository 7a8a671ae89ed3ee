"""
The commands of .github/DEPLOYMENT.md, run as a reader pastes them.

Programs on PATH stand in for gcloud and the others: they note their arguments and answer as the
document expects. Whether the real gcloud takes these arguments is tested with those of every
document.
"""

import itertools
import os
import re
import shlex
import subprocess
from typing import NamedTuple

import pytest

from cmc_webhook.settings import DEFAULTS
from tests.support.processes import ROOT

TEXT = (ROOT / ".github" / "DEPLOYMENT.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.M | re.S)
VARIABLES, HELPERS, RUNNING, *STEPS = BLOCKS
# What the text asks the reader to choose.
CHOICES = "REVISION=cmc-webhook-00003-abc\nUNUSED=3\n"

# Notes each argument, then what came on standard input if it was asked for, then an end mark.
STAND_IN = r"""#!/bin/bash
stdin=
case "$*" in *--data-file=-*) stdin=$(cat) ;; esac
printf '%s\0' "${0##*/}" "$@" "$stdin" $'\x1e' >>"$CALLS"
case "$*" in
  "functions list"*secretEnvironmentVariables*) printf 'cmc-webhook\t4\ncmc-inbound\t4\n' ;;
  "functions list"*) printf 'cmc-webhook\ncmc-inbound\n' ;;
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
    for name in ("gcloud", "curl", "npx", "openssl", "python"):
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
    script = VARIABLES + HELPERS + CHOICES + "".join(STEPS) + RUNNING
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


def test_every_variable_is_guarded():
    for block in BLOCKS:
        assert re.findall(r"\$[A-Z]\w*|\$\{[A-Z_]+\}", block) == []


@pytest.mark.parametrize("block", [RUNNING, *STEPS], ids=lambda block: block.splitlines()[0][:40])
def test_a_block_pasted_into_a_new_terminal_calls_nothing(block, tmp_path):
    called = paste(HELPERS + block, tmp_path)

    assert [str(call) for call in called if call.program != "openssl"] == []


def test_no_argument_is_empty(calls):
    assert len(calls) > 60
    for call in calls:
        assert "" not in call.arguments, call
        assert not any(argument.endswith("=") for argument in call.arguments), call


def test_the_settings_of_the_functions_exist(calls):
    deployed = commands(calls, "gcloud functions deploy cmc-")
    pairs = [
        pair.partition("=")[0]
        for call in deployed
        for name in ("--set-env-vars", "--update-env-vars", "--set-secrets", "--update-secrets")
        for value in options(call).get(name, [])
        for pair in value.split(",")
    ]

    assert {name for name in pairs if name.startswith("CMC_")} >= {"CMC_DATABASE", "CMC_MAIL_KEYS"}
    assert set(pairs) <= {*DEFAULTS, "GOOGLE_CLOUD_PROJECT", "THREADS"}


def test_threads_equal_concurrency(calls):
    created = [call for call in commands(calls, "gcloud functions deploy") if "--gen2" in str(call)]

    ours = [call for call in created if "THREADS" in str(call)]
    assert [call.arguments[2] for call in ours] == ["cmc-webhook", "cmc-inbound"]
    for call in ours:
        [settings], [concurrency] = options(call)["--set-env-vars"], options(call)["--concurrency"]
        assert f"THREADS={concurrency}" in settings.split(",")


def test_versions_of_secrets_come_from_google_and_never_from_the_document(calls):
    assert re.findall(r"keys:\d", TEXT) == []
    pinned = re.findall(r"keys:(\d+)", " ".join(map(str, calls)))
    assert set(pinned) == {"5"}


def test_an_upgrade_names_no_setting_and_no_secret(tmp_path):
    section = TEXT.partition("\n## Upgrade\n")[2].partition("\n## ")[0]
    [block] = re.findall(r"^```sh\n(.*?)^```$", section, re.M | re.S)

    deployed = commands(paste(VARIABLES + HELPERS + block, tmp_path), "gcloud functions deploy")

    assert [call.arguments[2] for call in deployed] == ["cmc-webhook", "cmc-inbound"]
    for call in deployed:
        assert options(call).keys() <= {
            *call.arguments[:3],
            *("--region", "--source", "--serve-all-traffic-latest-revision"),
        }


def test_a_rotation_keeps_the_old_keys_covers_both_functions_and_destroys_nothing(calls):
    added = commands(calls, "gcloud secrets versions add")
    assert [call.stdin for call in added] == ["new-key\nfirst-key\nsecond-key", "first-key"]
    read = commands(calls, "gcloud secrets versions access 4 --secret=cmc-api-keys")
    assert len(read) == 3  # of both steps, and for the key of the running function
    moved = [call for call in calls if "--update-secrets=CMC_API_KEYS=cmc-api-keys:5" in str(call)]
    assert [call.arguments[2] for call in moved] == ["cmc-webhook", "cmc-inbound"] * 2
    disabled = commands(calls, "gcloud secrets versions disable")
    assert [call.arguments[3] for call in disabled] == ["3"]
    assert "destroy" not in " ".join(map(str, calls))


def test_a_roll_back_lists_the_revisions_first(calls):
    texts = [str(call) for call in calls]
    listed = texts.index("gcloud run revisions list --service=cmc-webhook --region=asia-northeast1")
    [sent] = [i for i, text in enumerate(texts) if "--to-revisions=" in text]

    assert listed < sent
    assert texts[sent].endswith("--to-revisions=cmc-webhook-00003-abc=100")


def test_the_screen_of_cmc_comes_after_url_and_key():
    order = ["gcloud functions deploy cmc-webhook --gen2", 'echo "${URL:?}"', "エンドポイントURL"]

    assert sorted(order, key=TEXT.index) == order
