"""Test events as CMC posts them, and what must become of them; never deployed."""
