"""Starts the functions and the page on a developer's own machine; never deployed."""
