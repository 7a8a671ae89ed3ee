"""Reads Firestore and Cloud Storage for the page and the commands; never deployed."""
