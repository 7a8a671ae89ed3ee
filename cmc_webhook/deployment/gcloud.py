"""Runs gcloud: argument lists and no shell, no questions, always with the project."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from typing import Any

import click

from cmc_webhook.deployment.steps import ROOT, Words
from cmc_webhook.reading.language import text

_PROGRESS_S = 20
_LONGEST = 600  # characters of what Google said


class Refused(click.ClickException):
    """What was asked for is not done; *key* is that of the sentence that says why."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(text(key, **values))
        self.values = values


def say(key: str, **values: object) -> None:
    """Print a text."""
    click.echo(text(key, **values))


def secret(value: str, otherwise: str) -> str:
    """Return the secret *value* if it is printed on a terminal."""
    return value if sys.stdout.isatty() else otherwise


class GcloudError(Refused):
    """A command failed; the value *said* is one line, what gcloud said."""


class Gcloud:
    """The gcloud on PATH, for one project. It says so while a command takes long."""

    def __init__(self, project: str) -> None:
        self.project = project

    def json(self, words: Words) -> Any:
        """Return the answer to a look. Raises GcloudError."""
        answer = self.text((*words, "--format=json"))
        try:
            return json.loads(answer or "[]")
        except ValueError as error:
            raise GcloudError("gcloud.failed", said=f"no JSON: {answer[:_LONGEST]}") from error

    def text(self, words: Words, stdin: str = "") -> str:
        """Return what the command prints, without white space around it. Raises GcloudError."""
        path = shutil.which("gcloud")
        if not path:
            raise Refused("gcloud.missing")
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [path, *words, f"--project={self.project}"],
            cwd=ROOT,
            env={**os.environ, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"},
            stdin=pipe, stdout=pipe, stderr=pipe, text=True,
        ) as process:  # fmt: skip
            given: str | None = stdin
            for waited in itertools.count(_PROGRESS_S, _PROGRESS_S):
                try:
                    output, errors = process.communicate(given, timeout=_PROGRESS_S)
                    break
                except subprocess.TimeoutExpired:
                    given = None
                    say("run.still_running", seconds=waited)
        if process.returncode:
            said = " ".join(errors[max(errors.find("ERROR:"), 0) :].split())[:_LONGEST]
            raise GcloudError("gcloud.failed", said=said or f"exit status {process.returncode}")
        return output.strip()

    def account(self) -> str:
        """Return the account that gcloud works as. Raises Refused if there is none."""
        for each in self.json(("auth", "list")):
            if each.get("status") == "ACTIVE":
                return str(each["account"])
        raise Refused("gcloud.logged_out")

    def require(self, groups: set[str]) -> None:
        """Raise Refused if one of the components alpha and beta is missing."""
        if groups - set(self.json(("version",))):
            raise Refused("gcloud.component")
