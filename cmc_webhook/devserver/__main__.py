"""`python -m cmc_webhook.devserver`: the same as `python -m cmc_webhook devserver`."""

import signal

# Ctrl-C during the imports ends the process at once: nothing is started yet.
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from cmc_webhook.devserver.command import devserver

if __name__ == "__main__":
    devserver(prog_name="python -m cmc_webhook.devserver")
