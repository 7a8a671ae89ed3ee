"""Writes what could not be stored to the log, without secrets, if CMC_LOG_UNSTORED is set.

Cloud Logging takes 256 KiB per entry (https://cloud.google.com/logging/quotas). Our lines have at
most 100 kB: JSON escaping may double the length of a text.
"""

from collections.abc import Iterable

from cmc_webhook.logs import LogEntry, log
from cmc_webhook.redaction import Redactor

MOST_BYTES = 48_000


class DeadLetters:
    """Logs bodies and envelopes if *enabled*, else nothing."""

    def __init__(self, redactor: Redactor, *, enabled: bool) -> None:
        self._redactor = redactor
        self._enabled = enabled

    def log_body(self, body: bytes) -> None:
        """Log the beginning of *body*."""
        if self._enabled:
            text = self._redactor.redact(body)[:MOST_BYTES].decode(errors="replace")
            log(LogEntry(severity="ERROR", message="Not stored.", body=text))

    def log_envelopes(self, envelopes: Iterable[str]) -> None:
        """Log each of *envelopes* in a line of its own, so that it can be posted again."""
        if self._enabled:
            for envelope in envelopes:
                text = self._redactor.redact(envelope.encode()).decode()
                message = "Not stored: post the envelope again."
                log(LogEntry(severity="ERROR", message=message, envelope=text))
