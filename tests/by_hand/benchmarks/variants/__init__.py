"""What the function is measured against: other ways to store the same posts."""
