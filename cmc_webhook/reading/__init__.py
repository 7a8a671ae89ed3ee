"""What the tools read of Firestore and Cloud Storage, for terminals and pages; never deployed."""
