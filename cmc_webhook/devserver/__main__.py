"""`python -m cmc_webhook.devserver`: the same as `python -m cmc_webhook devserver`."""

import signal

# Ctrl-C during the imports ends the process at once: nothing is started yet.
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import click

from cmc_webhook.devserver import DATA_FILE
from cmc_webhook.reading.cli import Option, command, option


def _port(name: str, default: int, lowest: int = 1) -> Option:
    return option(name, type=click.IntRange(lowest, 65535), metavar="PORT", default=default)


main = command(
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

if __name__ == "__main__":
    main(prog_name="python -m cmc_webhook.devserver")
