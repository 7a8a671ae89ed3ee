"""`python -m cmc_webhook.devserver`: the same as `python -m cmc_webhook devserver`."""

import sys

try:
    from cmc_webhook.devserver.command import devserver
except KeyboardInterrupt:  # Ctrl-C during the imports; nothing is started yet
    sys.exit(130)

if __name__ == "__main__":
    devserver(prog_name="python -m cmc_webhook.devserver")
