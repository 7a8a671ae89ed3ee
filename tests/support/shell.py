"""
The commands of a document, called but not run.

A document's shell runs for real in an empty folder: loops, variables, redirections. Each program
that it calls, a few harmless ones apart, is replaced by one that notes its arguments.
"""

import importlib.util
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cmc_webhook.command_line.main import main as commands
from tests.support.documents import ROOT

# What a reader has set before, in another document. A variable such as ${X:?set it to ...}, which
# the reader is to choose, is set, too.
_GIVEN = {
    "PROJECT": "my-project",
    "REGION": "asia-northeast1",
    "DATABASE": "cmc",
    "URL": "https://function.example",
    "KEY": "a-key",
}
_HARMLESS = ("cat", "cut", "date", "grep", "head", "jq", "sed", "sort", "tr", "uniq", "wc")
# `latest` is a name as well as a version of a secret.
_PRELUDE = """
set -eu
command_not_found_handle() {
  printf '%s\\0' "$#" "$@" >> "$CALLS"
  if [ -p /dev/stdin ]; then cat > /dev/null; fi
  case "$*" in *serviceConfig.uri*) echo https://function.example ;; *) echo latest ;; esac
}
"""


def calls(script, folder):
    """Run *script* in *folder* and return the programs that it calls, as lists of arguments."""
    tools = furnish(folder)
    notes = folder / "calls"
    notes.write_bytes(b"")
    chosen = dict.fromkeys(re.findall(r"\$\{(\w+):\?[^}]* ", script), "1")
    environ = {**_GIVEN, **chosen, "PATH": str(tools), "CALLS": str(notes), "HOME": str(folder)}
    done = subprocess.run(
        [shutil.which("bash"), "-c", _PRELUDE + script],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    words = notes.read_text().split("\0")[:-1]
    found = []
    while words:
        count, words = int(words[0]), words[1:]
        found.append(words[:count])
        words = words[count:]
    return found


def furnish(folder):
    """Put into *folder* what a reader's folder has, and return where the harmless programs are."""
    tools = folder / "tools"
    if tools.exists():
        return tools
    tools.mkdir()
    for name in _HARMLESS:
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    for path in ROOT.iterdir():
        if path.name in ("cmc_webhook", "tests", "main.py", "requirements.txt"):
            (folder / path.name).symlink_to(path)
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/activate").touch()
    (folder / "customers.csv").touch()  # the reader's own
    (folder / ".ci").mkdir()
    for path in (ROOT / ".ci").iterdir():
        stub = folder / ".ci" / path.name
        stub.write_text(f"#!{shutil.which('bash')}\n")
        stub.chmod(0o755)
    return tools


def check(call, folder, config):
    """Fail unless the program of *call* knows these arguments; gcloud is asked for all at once."""
    program, *arguments = call
    if program in ("python", "python3"):
        _check_python(arguments, folder, config)
    elif program == "pip":
        _check_pip(arguments, folder)
    elif program == "functions-framework":
        assert arguments[arguments.index("--target") + 1] in ("cmc_webhook", "cmc_inbound")
    elif program == "curl":
        files = [word[1:] for word in arguments if word.startswith("@") and word != "@-"]
        assert all((folder / file).is_file() for file in files), files
    else:
        assert program in ("gcloud", "git", "npm", "npx", "openssl"), program


def _check_pip(arguments, folder):
    for option, value in itertools.pairwise(arguments):
        assert option != "-r" or (folder / value).is_file(), value


def _check_python(arguments, folder, config):
    if arguments[0] == "-c":
        subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)
        return
    option, module, *rest = arguments
    assert option == "-m", arguments
    if module == "cmc_webhook":
        _parse(commands, rest, folder)
    elif module == "pip":
        _check_pip(rest, folder)
    elif module == "pytest":
        _check_pytest(rest, config)
    elif module != "venv":
        _check_module(module, rest)


def _parse(command, arguments, folder):
    """Let click parse *arguments*, without running the command."""
    if isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        name, *rest = arguments
        found = command.get_command(click.Context(command), name)
        assert found, f"there is no command {name}"
        _parse(found, rest, folder)
        return
    before = Path.cwd()
    os.chdir(folder)  # where the files are that it names
    try:
        command.make_context("documented", list(arguments)).close()
    except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):
        pass
    finally:
        os.chdir(before)


def _check_pytest(arguments, config):
    for word in arguments:
        if word.startswith("--"):
            config.getoption(word.partition("=")[0])  # raises ValueError for an unknown one
        elif "/" in word:
            assert (ROOT / word.partition("::")[0]).exists(), word


def _check_module(module, arguments):
    """Fail unless the source of *module* has each option."""
    source = Path(importlib.util.find_spec(module).origin).read_text()
    options = [word.partition("=")[0] for word in arguments if word.startswith("--")]
    assert all(f'"{option}"' in source for option in options if option != "--help"), arguments


def gcloud_python():
    """Return gcloud's own Python and the path of its modules; skip where there is no gcloud."""
    if not shutil.which("gcloud"):
        pytest.skip("gcloud is not installed")
    about = "value(basic.python_location,installation.sdk_root)"
    told = subprocess.run(
        ["gcloud", "info", f"--format={about}"], capture_output=True, text=True, check=True
    )
    python, root = told.stdout.split("\t")
    library = Path(root.strip(), "lib")
    return python, f"{library}:{library}/third_party"


def run_in_gcloud(script, given):
    """Return what *script* prints, run by gcloud's own Python with *given* as JSON on stdin."""
    python, path = gcloud_python()
    return subprocess.run(
        [python, "-c", script],
        env={"PYTHONPATH": path, "CLOUDSDK_CORE_PROJECT": "p"},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def check_gcloud(found):
    """Fail unless gcloud's own parser takes each of *found*."""
    refused = run_in_gcloud(Path(__file__).with_name("gcloud_parser.py").read_text(), found)
    assert refused == "", refused
