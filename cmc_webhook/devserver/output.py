"""What the programs print, as lines for the terminal of a developer. Pure."""

import json
from contextlib import suppress
from datetime import datetime
from typing import Any

# Only with CMC_LOG_UNSTORED, so whoever set it wants to see the whole line.
_LONG_FIELDS = {"envelope", "body"}
_COUNTS = ("stored", "unchanged", "quarantined")


def is_warning(line: str) -> bool:
    """Return whether *line* is a log entry of severity WARNING or ERROR."""
    return bool(_log_entry(line).get("severity", "INFO") != "INFO")


def terminal_line(name: str, line: str, at: datetime) -> str:
    """Return *line* as it is shown: with the time, a request in short, no control characters."""
    entry = _log_entry(line)
    text = _summary(entry) if entry and not _LONG_FIELDS & entry.keys() else line
    printable = "".join(c if c.isprintable() else "\ufffd" for c in text.expandtabs())
    return f"{at:%H:%M:%S} {name} {printable}".rstrip()


def _log_entry(line: str) -> dict[str, Any]:
    """Return the log entry that a function has written as *line*; empty for any other line."""
    with suppress(ValueError, RecursionError):
        entry = json.loads(line)
        if isinstance(entry, dict) and "severity" in entry:
            return entry
    return {}


def _summary(entry: dict[str, Any]) -> str:
    if "status" not in entry:
        return str(entry.get("message", ""))
    words = [str(entry["status"]), str(entry.get("error", ""))]
    words += [f"{name} {entry[name]}" for name in _COUNTS if entry.get(name)]
    if reasons := entry.get("why"):
        words.append(f"({', '.join(reasons)})")
    if entry.get("posts", 1) > 1:
        words.append(f"({entry['posts']} requests)")
    words.append(str(entry.get("detail", "")))
    return " ".join(filter(None, words))
