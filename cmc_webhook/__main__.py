"""`python -m cmc_webhook`: the command line."""

import sys

try:
    from cmc_webhook.command_line.main import main
except KeyboardInterrupt:  # Ctrl-C during the imports
    sys.exit(130)

if __name__ == "__main__":
    main(prog_name="python -m cmc_webhook")
