"""
What a deployment costs a month, by list prices. Pure.

`.github/COST.md` has the source of each price, and what is not counted.
"""

# USD, for Tokyo (asia-northeast1), by what is paid for.
PRICES = {
    "write": 1.15e-6,
    "read": 0.38e-6,
    "expiry": 0.13e-6,
    "GiB stored": 0.115,
    "GiB of point-in-time recovery": 0.115,
    "GiB of backups": 0.038,
    "GiB restored": 0.256,
    "vCPU second": 24e-6,
    "GiB second": 2.5e-6,
    "request": 0.4e-6,
    "GiB of log": 0.50,
    "version of a secret": 0.06,
}
# Queued and succeeded; one mail in twenty fails and has a bounce, too.
EVENTS_PER_MAIL = 2.05
# A mail of CMC's examples: its document, its index entries in a deployment, and those that it has
# where no field is exempt (https://cloud.google.com/firestore/docs/storage-size).
DOCUMENT_BYTES = 816
INDEX_BYTES = 3_029
AUTOMATIC_INDEX_BYTES = 7_355

_GIB = 2**30
_DAYS_A_MONTH = 365 / 12
# Cloud Run rounds each request up to this.
_SHORTEST_S = 0.1
# A line of the function and Google's of the request (estimated).
_LOG_BYTES = 2_000
_FREE_LOG_GIB = 50
# The keys; a rotation adds one for a while.
_SECRET_VERSIONS = 1


def monthly_costs(
    mails: int, retention_days: int = 365, records_a_post: int = 1
) -> dict[str, float]:
    """
    Return USD a month, by part, for *mails* a month once the first of them expire.

    It is the most that these mails cost: every event but the first of its mail is read
    before it is written. With 1 in *records_a_post* every record comes alone.
    """
    events = mails * EVENTS_PER_MAIL
    posts = events / records_a_post
    second = PRICES["vCPU second"] + PRICES["GiB second"]
    log = max(0.0, posts * _LOG_BYTES / _GIB - _FREE_LOG_GIB)
    return {
        "writes": events * PRICES["write"],
        "reads": (events - mails) * PRICES["read"],
        "expiry": mails * PRICES["expiry"],
        "documents": stored_byte(mails, retention_days) * DOCUMENT_BYTES,
        "indexes": stored_byte(mails, retention_days) * INDEX_BYTES,
        "run": posts * (_SHORTEST_S * second + PRICES["request"]),
        "log": log * PRICES["GiB of log"],
        "secrets": _SECRET_VERSIONS * PRICES["version of a secret"],
    }


def stored_byte(mails: int, retention_days: int) -> float:
    """Return USD a month for one byte of every mail that is kept."""
    return mails * retention_days / _DAYS_A_MONTH * PRICES["GiB stored"] / _GIB
