"""A Firestore server on gRPC and SQLite, for development and tests; never deployed."""
