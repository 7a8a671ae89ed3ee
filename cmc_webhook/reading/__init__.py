"""What the tools read of Firestore, for terminals and pages alike; never deployed."""
