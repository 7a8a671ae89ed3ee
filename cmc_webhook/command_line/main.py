"""`python -m cmc_webhook`: all commands."""

import click

from cmc_webhook import __version__
from cmc_webhook.command_line.commands import COMMANDS
from cmc_webhook.deployment.commands import COMMANDS as DEPLOYMENT
from cmc_webhook.devserver.__main__ import main as devserver
from cmc_webhook.reading.cli import Group, Option, command, option
from cmc_webhook.reading.options import firestore_options, function_options

console = command(
    "console",
    "console.serving:serve",
    option("--port", default=8082, type=click.IntRange(1, 65535), entry="console_port"),
    option("--allow-changes", is_flag=True),
    option("--iap-audience", default=""),
    option("--host-name", multiple=True),
    *function_options,
    firestore_options,
)
_version = click.version_option(
    __version__, cls=Option, entry="print_version", message="cmc_webhook %(version)s"
)
main = _version(Group("main", devserver, console, *COMMANDS, *DEPLOYMENT))
