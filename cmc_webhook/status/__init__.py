"""The function for the status of sent mail."""
