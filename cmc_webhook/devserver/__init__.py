"""Starts the functions and the page on a developer's own machine; never deployed."""

# Where the documents are kept, unless --data names another file.
DATA_FILE = ".devserver/firestore.sqlite3"
