"""`python -m cmc_webhook`: the command line."""

import signal

# Ctrl-C during the imports ends the process at once, without a traceback.
if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from cmc_webhook.command_line.main import main

if __name__ == "__main__":
    main(prog_name="python -m cmc_webhook")
