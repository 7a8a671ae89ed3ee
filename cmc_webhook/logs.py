"""
Log lines as Cloud Logging reads them: one JSON object a line on standard output.

https://cloud.google.com/logging/docs/structured-logging
"""

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

_QUIET_S = 60.0


def log(severity: str, message: str, **fields: Any) -> None:
    """Write one line; the caller sees to it that nothing personal or secret is in it."""
    line = json.dumps({"severity": severity, "message": message, **fields}, ensure_ascii=False)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def trace_fields(header: Callable[[str, str], str], project: str) -> dict[str, str]:
    """Return what ties a line to the request's own entry in Cloud Logging, if a *header* tells."""
    parent = re.match("[0-9a-f]{2}-([0-9a-f]{32})-", header("traceparent", ""))
    cloud = re.match("([0-9a-f]{32})/", header("X-Cloud-Trace-Context", ""))
    trace = parent or cloud
    if not trace:
        return {}
    return {"logging.googleapis.com/trace": f"projects/{project}/traces/{trace[1]}"}


class Throttle:
    """Lets the first of a kind through at once and then one a minute, with the number since."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[Hashable, float] = {}
        self._since: dict[Hashable, int] = {}

    def admit(self, kind: Hashable) -> int:
        """Return how many of *kind* the line to write now stands for, 0 for no line."""
        now = time.monotonic()
        with self._lock:
            count = self._since.get(kind, 0) + 1
            if kind in self._last and now - self._last[kind] < _QUIET_S:
                self._since[kind] = count
                return 0
            self._last[kind], self._since[kind] = now, 0
            return count
