"""The commands, and how a failure looks: one sentence on stderr and an exit status."""

import sys
from typing import Any

import click
from google.api_core.exceptions import GoogleAPIError

from cmc_webhook.command_line.doctor import doctor
from cmc_webhook.command_line.export import export
from cmc_webhook.command_line.quarantine import quarantine
from cmc_webhook.command_line.received import inbound
from cmc_webhook.command_line.replay import replay
from cmc_webhook.command_line.send import send
from cmc_webhook.command_line.stats import stats
from cmc_webhook.command_line.statuses import list_mails, show

_INTERRUPTED = 130  # what a shell expects after Ctrl-C


class _Commands(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for argument in args:
            try:
                argument.encode()
            except UnicodeEncodeError as error:
                raise click.UsageError("An argument is not UTF-8.", ctx) from error
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GoogleAPIError as error:
            raise click.ClickException(f"Firestore: {str(error).splitlines()[0]}") from error
        except BrokenPipeError:
            raise  # click leaves quietly
        except OSError as error:
            file = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{file}{error.strerror or error}.") from error
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """
    Send to the function, read and mend what it stores.

    Commands work on the local Firestore (FIRESTORE_EMULATOR_HOST, else
    127.0.0.1:8081) unless --project names a real one, and say on stderr which it
    is. GOOGLE_CLOUD_PROJECT names the project of the local one.

    \b
    python -m cmc_webhook.devserver            start a function and a Firestore
    python -m cmc_webhook send --count 10      play CMC
    python -m cmc_webhook list                 see what came of it
    """


for command in (send, list_mails, show, stats, export, inbound, quarantine, replay, doctor):
    main.add_command(command)
