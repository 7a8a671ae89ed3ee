"""Customers Mail Cloud's event webhook, stored as one Firestore document per mail and recipient."""

__version__ = "0.2.0"
