"""Customers Mail Cloud, played: lives of mails, posts, and what must come of them."""
