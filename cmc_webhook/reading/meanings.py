"""
Which texts say what became of a mail and what to do about it.

The words are those of reading/texts. Pure.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cmc_webhook.status.events import BOUNCE_CODES, UNKNOWN_BOUNCE_CODE, Status

# In the order of CMC's codes.
CAUSES = tuple(cause for cause, _ in (*BOUNCE_CODES.values(), UNKNOWN_BOUNCE_CODE))
FORWARD_ERROR = "forward_error"
# These carriers also answer that an address does not exist when the recipient's filter rejects the
# mail (inferred; not documented by CMC).
_CARRIERS = ("docomo.ne.jp", "au.com", "ezweb.ne.jp")


class Meaning(NamedTuple):
    """The keys of the sentences on one mail: what happened, and what to do."""

    happened: tuple[str, ...]
    todo: str


def status_word(status: str, cause: str) -> str:
    """Return the entry of the table *status*, in which a forward error is a word of its own."""
    if status == Status.BOUNCED and cause == FORWARD_ERROR:
        return FORWARD_ERROR
    return status if status in [*Status] else Status.UNKNOWN.value


def cause_of(bounce_code: str) -> str:
    """Return the cause that belongs to a code of CMC."""
    return BOUNCE_CODES.get(bounce_code, UNKNOWN_BOUNCE_CODE)[0]


def meaning(fields: Mapping[str, Any]) -> Meaning:
    """Return what the status document *fields* means. The cause says more than the status."""
    cause = fields.get("bounce_cause", "")
    status = status_word(fields.get("status", ""), cause)
    happened: tuple[str, ...] = (f"status_happened.{status}",)
    if not cause:
        return Meaning(happened, f"status_todo.{status}")
    if cause not in CAUSES:
        cause = "unknown"
    elif cause == "unknown_user" and fields.get("to_domain") in _CARRIERS:
        cause = "unknown_user_carrier"
    if status != FORWARD_ERROR:
        happened += (f"cause_happened.{cause}",)
    return Meaning(happened, f"cause_todo.{cause}")
