"""`python -m cmc_webhook.devserver`: the old way to run `python -m cmc_webhook devserver`."""

import runpy
import sys

sys.argv.insert(1, "devserver")
runpy.run_module("cmc_webhook", run_name="__main__", alter_sys=True)
