"""`python -m cmc_webhook`: the command line."""

from cmc_webhook.command_line.main import main

if __name__ == "__main__":
    main(prog_name="python -m cmc_webhook")
