"""`python -m cmc_webhook`: for who sets the function up, tests it and looks after it."""
