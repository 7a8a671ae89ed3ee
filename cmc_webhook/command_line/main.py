"""`python -m cmc_webhook`: all commands, and what is checked before one is chosen."""

from collections import Counter

import click

from cmc_webhook import __version__
from cmc_webhook.command_line.commands import COMMANDS
from cmc_webhook.console.__main__ import main as console
from cmc_webhook.deployment.commands import COMMANDS as DEPLOYMENT
from cmc_webhook.devserver.__main__ import main as devserver
from cmc_webhook.reading.cli import Group, Option
from cmc_webhook.reading.language import text


def _refuse_repeated(ctx: click.Context, args: list[str]) -> None:
    """Raise UsageError if an option that has one value stands twice in *args*."""
    try:
        _, rest, order = ctx.command.make_parser(ctx).parse_args(list(args))
    except click.UsageError:
        return  # the command itself says what is wrong
    for option, count in Counter(order).items():
        is_single = isinstance(option, click.Option) and not (option.multiple or option.is_flag)
        if count > 1 and is_single:
            raise click.UsageError(text("usage.once", option=option.opts[0]), ctx)
    if isinstance(ctx.command, click.Group) and rest:
        name, *rest = rest
        if command := ctx.command.get_command(ctx, name):
            _refuse_repeated(click.Context(command, ctx, name), rest)


class _Commands(Group):
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
                raise click.UsageError(text("usage.not_utf8"), ctx) from error
        return super().parse_args(ctx, args)


def _print_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"cmc_webhook {__version__}")
        ctx.exit()


main = _Commands(
    "main",
    *(devserver, console, *COMMANDS, *DEPLOYMENT),
    params=[
        Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            entry="print_version",
        )
    ],
)
