"""Deploys the functions with gcloud and looks after them; never deployed itself."""
