"""What a status means and what to do about it, in a sentence for people. Pure."""

from collections.abc import Mapping
from typing import Any

from cmc_webhook.status.events import Status

STATUSES = {
    Status.QUEUED: "CMC has the mail and has not reported more.",
    Status.DEFERRED: "A temporary error; CMC tries again.",
    Status.SUCCEEDED: "The other server accepted the mail; that is not read by anybody.",
    Status.FAILED: "The SMTP dialogue with the other server failed.",
    Status.BOUNCED: "CMC has classified the error.",
    Status.SUPPRESSED: "CMC did not send the mail.",
    Status.UNKNOWN: "CMC sent a word that this version does not know.",
}
CLASSES = {
    "hard": "Stop sending to this address.",
    "soft": "The address may work later.",
    "policy": "Mend the mail or the sender; the address is fine.",
    "suppressed": "A block can be lifted in CMC; an unsubscription is to be respected.",
    "unknown": "Read the reason.",
}
_FORWARDED = "It could not be forwarded from there; the recipient may have it."


def meaning(fields: Mapping[str, Any]) -> str:
    """Return what has become of the mail with these fields, and what to do."""
    status, bounce_class = fields.get("status", ""), fields.get("bounce_class", "")
    told = STATUSES.get(status, STATUSES[Status.UNKNOWN])
    if fields.get("bounce_cause") == "forward_error":
        return f"{told} {_FORWARDED}"
    return f"{told} {CLASSES[bounce_class]}" if bounce_class in CLASSES else told
