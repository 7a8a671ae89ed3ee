"""`python -m cmc_webhook.console`: the old way to run `python -m cmc_webhook console`."""

import runpy
import sys

sys.argv.insert(1, "console")
runpy.run_module("cmc_webhook", run_name="__main__", alter_sys=True)
