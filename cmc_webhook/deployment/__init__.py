"""Puts the functions on Google Cloud with gcloud, and looks after them. A tool, never deployed."""
