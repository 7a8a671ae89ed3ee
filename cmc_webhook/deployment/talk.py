"""What the commands of this folder say and ask, in one language, and how their failures look."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from cmc_webhook.deployment.gcloud import Gcloud, Refused
from cmc_webhook.reading.texts import Texts


class Talk:
    """The voice of a command; with *yes* every question is answered."""

    def __init__(self, language: str, *, yes: bool = False) -> None:
        self.texts = Texts(language)
        self.yes = yes

    def say(self, name: str, **values: object) -> None:
        """Print a text."""
        click.echo(self.texts.text(name, **values))

    def confirm(self, name: str, **values: object) -> None:
        """Ask; without a yes the command ends."""
        if not self.yes:
            click.confirm(self.texts.text(name, **values), abort=True)

    def secret(self, secret: str, otherwise: str) -> str:
        """Return *secret* if it is printed on a terminal."""
        return secret if sys.stdout.isatty() else otherwise

    def gcloud(self, project: str) -> Gcloud:
        """Return gcloud for *project*, whose long commands are reported."""
        return Gcloud(project, lambda seconds: self.say("run.still_running", seconds=seconds))

    @contextmanager
    def failing_in_one_sentence(self) -> Iterator[None]:
        """Turn a failure into the sentence that says what to do."""
        try:
            yield
        except Refused as error:
            raise click.ClickException(self.texts.text(str(error), **error.values)) from error
