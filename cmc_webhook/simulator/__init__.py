"""CMC and SendGrid, played: lives of mails, received mails, and what must come of them."""
