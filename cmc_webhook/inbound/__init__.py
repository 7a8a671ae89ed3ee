"""The second function: received mail, stored as one Firestore document per mail."""
