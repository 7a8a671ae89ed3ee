"""Log lines in the format of Cloud Logging: one JSON object per line on standard output.

https://cloud.google.com/logging/docs/structured-logging
"""

import contextlib
import dataclasses
import json
import os
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

from cmc_webhook import __version__

_QUIET_S = 60.0
_TRACE = "logging.googleapis.com/trace"


def _about(unit: str, meaning: str, name: str = "") -> Any:
    """Return a field with its unit, its meaning, and its name in the log if that differs."""
    return dataclasses.field(
        default=None, metadata={"unit": unit, "meaning": meaning, "name": name}
    )


@dataclasses.dataclass(slots=True, kw_only=True)
class LogEntry:
    """One line of the log, without the fields that are None. status/README.md has the same table.

    A line holds counts and fixed words, never an address, subject, body or reason of a
    mail. ``envelope`` and ``body`` are the exception, only with ``CMC_LOG_UNSTORED``.
    """

    severity: str | None = _about("word", "`INFO`, `WARNING` or `ERROR`")
    message: str | None = _about("text", "the same in a sentence")
    version: str | None = _about("text", "version of this program")
    revision: str | None = _about("name", "revision of the service, from `K_REVISION`")
    trace: str | None = _about("name", "links the line to the request's own entry", _TRACE)
    status: int | None = _about("HTTP status", "of the answer")
    error: str | None = _about("word", "error code of the answer")
    detail: str | None = _about("text", "for the operator: what failed, and what to do")
    posts: int | None = _about("requests", "refusals or warnings that this line stands for")
    credential: str | None = _about("name", "setting and position of the accepted credential")
    received: int | None = _about("records", "in the post")
    stored: int | None = _about("records", "whose document this post wrote")
    unchanged: int | None = _about("records", "already known")
    quarantined: int | None = _about("records", "now in quarantine")
    why: Counter[str] | None = _about("records by word", "reasons of the quarantined")
    sender_auth: int | None = _about("records", "refused for the sender's SPF, DKIM or DMARC")
    lag_s: float | None = _about("seconds", "arrival minus `created`, of the newest event")
    bytes: int | None = _about("bytes", "of the body; received mail only")
    rpcs: Counter[str] | None = _about("calls by name", "to Firestore and Cloud Storage")
    duration_ms: float | None = _about("milliseconds", "from the first byte to the answer")
    envelope: str | None = _about("JSON", "records that were not stored, to be posted again")
    body: str | None = _about("text", "beginning of a body that was not stored")


# Each field by its name in the log.
FIELDS = {f.metadata["name"] or f.name: f for f in dataclasses.fields(LogEntry)}


def log(entry: LogEntry) -> None:
    """Write one line, with the version and the revision that are running."""
    entry.version = __version__
    entry.revision = os.environ.get("K_REVISION")
    values = {name: getattr(entry, field.name) for name, field in FIELDS.items()}
    line = {name: value for name, value in values.items() if value is not None}
    # The answer must not depend on the log: its pipe may be broken or its disk full.
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def trace_of(header: Callable[[str, str], str], project: str) -> str | None:
    """Return the name of the request's trace in Cloud Logging, if a header has it."""
    parent = re.match("[0-9a-f]{2}-([0-9a-f]{32})-", header("traceparent", ""))
    cloud = re.match("([0-9a-f]{32})/", header("X-Cloud-Trace-Context", ""))
    trace = parent or cloud
    return f"projects/{project}/traces/{trace[1]}" if trace else None


class Throttle:
    """Limits log lines: the first of a kind at once, then one a minute. Thread-safe."""

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
