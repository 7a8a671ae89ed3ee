"""The commands, and how a failure looks: one sentence on stderr and an exit status."""

import signal
import sys
from collections import Counter
from importlib import import_module
from typing import Any

import click

_INTERRUPTED = 130  # what a shell expects after Ctrl-C

# Each command, its module, and its name there. A module is imported when its command is used.
_COMMANDS = {
    "devserver": ("cmc_webhook.devserver.command", "devserver"),
    "console": ("cmc_webhook.console.__main__", "main"),
    "send": ("cmc_webhook.command_line.send", "send"),
    "list": ("cmc_webhook.command_line.statuses", "list_mails"),
    "show": ("cmc_webhook.command_line.statuses", "show"),
    "stats": ("cmc_webhook.command_line.stats", "stats"),
    "addresses": ("cmc_webhook.command_line.addresses", "addresses"),
    "forget": ("cmc_webhook.command_line.forget", "forget"),
    "export": ("cmc_webhook.command_line.export", "export"),
    "inbound": ("cmc_webhook.command_line.received", "inbound"),
    "quarantine": ("cmc_webhook.command_line.quarantine", "quarantine"),
    "replay": ("cmc_webhook.command_line.replay", "replay"),
    "rebuild": ("cmc_webhook.command_line.rebuild", "rebuild"),
    "doctor": ("cmc_webhook.command_line.doctor", "doctor"),
}


def _refuse_repeated(ctx: click.Context, args: list[str]) -> None:
    """Raise UsageError if an option that has one value stands twice in *args*."""
    try:
        _, rest, order = ctx.command.make_parser(ctx).parse_args(list(args))
    except click.UsageError:
        return  # the command itself says what is wrong
    for option, count in Counter(order).items():
        is_single = isinstance(option, click.Option) and not (option.multiple or option.is_flag)
        if count > 1 and is_single:
            raise click.UsageError(f"{option.opts[0]} may be given once only.", ctx)
    if isinstance(ctx.command, click.Group) and rest:
        name, *rest = rest
        if command := ctx.command.get_command(ctx, name):
            _refuse_repeated(click.Context(command, ctx, name), rest)


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if command:
            _refuse_repeated(click.Context(command, ctx, name), rest)
        return name, command, rest

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for argument in args:
            try:
                argument.encode()
            except UnicodeEncodeError as error:
                raise click.UsageError("An argument is not UTF-8.", ctx) from error
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return self._invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)

    def _invoke(self, ctx: click.Context) -> Any:
        from google.api_core.exceptions import GoogleAPIError

        from cmc_webhook.reading.options import BadSetting
        from cmc_webhook.settings import SettingsError

        try:
            return super().invoke(ctx)
        except GoogleAPIError as error:
            raise click.ClickException(f"Firestore: {str(error).splitlines()[0]}") from error
        except SettingsError as error:
            raise BadSetting(str(error)) from error
        except BrokenPipeError:
            raise  # click exits without a message
        except OSError as error:
            file = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{file}{error.strerror or error}.") from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """
    Send test events, look up mails, and fix stored data.

    Commands read the local Firestore (FIRESTORE_EMULATOR_HOST, else 127.0.0.1:8081)
    unless --project names a real one. They say on stderr which it is.
    GOOGLE_CLOUD_PROJECT names the project of the local one.

    \b
    python -m cmc_webhook devserver            start the functions and a Firestore
    python -m cmc_webhook send --count 10      send test events
    python -m cmc_webhook list                 see what became of the mails
    """
    # The command is imported by now: from here on Ctrl-C raises KeyboardInterrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
