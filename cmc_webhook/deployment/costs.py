"""What a deployment costs a month, by the list prices in costs.toml. Pure."""

import tomllib
from pathlib import Path

_TABLE = tomllib.loads(Path(__file__).with_name("costs.toml").read_text(encoding="utf-8"))
PRICES, MAIL = _TABLE["prices"], _TABLE["mail"]
_POST, _MONTH = _TABLE["post"], _TABLE["month"]
_GIB = 2**30


def monthly_costs(
    mails: int, retention_days: int = 365, records_a_post: int = 1
) -> dict[str, float]:
    """Return USD a month, by part, for *mails* a month once the first of them expire.

    It is the most that these mails cost: every event but the first of its mail is read
    before it is written. With 1 in *records_a_post* every record comes alone.
    """
    events = mails * MAIL["events"]
    posts = events / records_a_post
    second = PRICES["vcpu_second"] + PRICES["gib_second"]
    log = max(0.0, posts * _POST["log_bytes"] / _GIB - _MONTH["free_log_gib"])
    return {
        "writes": events * PRICES["write"],
        "reads": (events - mails) * PRICES["read"],
        "expiry": mails * PRICES["expiry"],
        "documents": stored_gib(mails, retention_days, "document_bytes") * PRICES["stored_gib"],
        "indexes": stored_gib(mails, retention_days, "index_bytes") * PRICES["stored_gib"],
        "run": posts * (_POST["shortest_s"] * second + PRICES["request"]),
        "log": log * PRICES["log_gib"],
        "secrets": _MONTH["secret_versions"] * PRICES["secret_version"],
    }


def stored_gib(mails: int, retention_days: int, part: str) -> float:
    """Return the GiB that a *part* of every mail takes that is kept."""
    return float(mails * retention_days * 12 / 365 * MAIL[part] / _GIB)
