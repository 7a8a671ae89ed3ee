"""The commands of `python -m cmc_webhook`: to test a deployment, read it and repair it."""
