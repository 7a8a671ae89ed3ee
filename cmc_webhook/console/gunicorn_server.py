"""Serves the page on all addresses, in a container. Only behind Identity-Aware Proxy."""

import os
from collections.abc import Callable
from typing import Any

from flask import Flask

# As many requests at once as one instance of Cloud Run gets in our recipe.
_THREADS = 8
_PORT = "8080"


def serve(make_app: Callable[[], Flask]) -> None:
    """Serve the application on the port of the variable PORT until a signal ends the process."""
    # Gunicorn does not run on Windows, where the page does.
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):  # type: ignore[misc] # gunicorn has no types
        def load_config(self) -> None:
            settings: dict[str, Any] = {
                "bind": f"0.0.0.0:{os.environ.get('PORT') or _PORT}",
                "threads": _THREADS,
                "timeout": 0,  # Cloud Run has a time limit of its own
            }
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            # In the process that serves: Firestore's client does not outlive a fork.
            return make_app()

    Server().run()
