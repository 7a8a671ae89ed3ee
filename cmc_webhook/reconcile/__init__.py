"""Compares Firestore with what CMC's REST API tells, and brings what is missing; never deployed."""
