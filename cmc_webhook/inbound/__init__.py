"""The function for received mail: stores one Firestore document per mail."""
