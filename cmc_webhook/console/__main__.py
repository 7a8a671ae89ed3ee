"""`python -m cmc_webhook.console`: the same as `python -m cmc_webhook console`."""

import signal

# Ctrl-C during the imports ends the process at once: nothing is started yet.
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import click

from cmc_webhook.reading.cli import command, option
from cmc_webhook.reading.options import firestore_options, function_options

main = command(
    "console",
    "console.serving:serve",
    option("--port", default=8082, type=click.IntRange(1, 65535), entry="console_port"),
    option("--allow-changes", is_flag=True),
    option("--iap-audience", default=""),
    option("--host-name", multiple=True),
    *function_options,
    firestore_options,
)

if __name__ == "__main__":
    main(prog_name="python -m cmc_webhook.console")
