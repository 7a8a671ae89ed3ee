"""A Firestore on gRPC and SQLite, for development and tests; never deployed."""
