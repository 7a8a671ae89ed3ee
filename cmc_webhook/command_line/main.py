"""`python -m cmc_webhook`: all commands."""

import click

from cmc_webhook import __version__
from cmc_webhook.command_line.commands import COMMANDS
from cmc_webhook.deployment.commands import COMMANDS as DEPLOYMENT
from cmc_webhook.devserver import DATA_FILE
from cmc_webhook.reading.cli import Group, Option, command, option
from cmc_webhook.reading.options import firestore_options, function_options


def _port(name: str, default: int, lowest: int = 1) -> Option:
    return option(name, type=click.IntRange(lowest, 65535), metavar="PORT", default=default)


devserver = command(
    "devserver",
    "devserver.command:devserver",
    _port("--port", 8080),
    _port("--inbound-port", 8083),
    _port("--console-port", 8082),
    _port("--firestore-port", 8081, lowest=0),
    _port("--storage-port", 0, lowest=0),
    option("--data", metavar="FILE", default=DATA_FILE),
    option("--only-firestore", is_flag=True),
    option("--cmc-rest", metavar="[PORT]", type=int, is_flag=False, flag_value=8084, default=0),
    option("--verbose", is_flag=True),
)
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
