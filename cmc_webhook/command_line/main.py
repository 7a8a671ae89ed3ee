"""`python -m cmc_webhook`: all commands."""

import click

from cmc_webhook import __version__
from cmc_webhook.command_line.commands import COMMANDS
from cmc_webhook.console.__main__ import main as console
from cmc_webhook.deployment.commands import COMMANDS as DEPLOYMENT
from cmc_webhook.devserver.__main__ import main as devserver
from cmc_webhook.reading.cli import Group, Option

_version = click.version_option(
    __version__, cls=Option, entry="print_version", message="cmc_webhook %(version)s"
)
main = _version(Group("main", devserver, console, *COMMANDS, *DEPLOYMENT))
