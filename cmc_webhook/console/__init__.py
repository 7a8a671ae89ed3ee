"""A web page on this machine to read statuses in; never deployed."""
