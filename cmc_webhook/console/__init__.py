"""A web page on this machine that shows mails and their statuses; never deployed."""
