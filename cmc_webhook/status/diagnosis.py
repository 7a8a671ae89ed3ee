"""Why a mail did not arrive, from the reply of the receiving server. Pure.

CMC's bounce code is coarse: code 4 covers five different problems, and docomo and au answer
"unknown user" when the recipient's own filter refuses a mail. A diagnosis is one of ten words, each
of which needs another action. Where no rule is certain there is none, and CMC's cause stands alone.
"""

import re
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from cmc_webhook.status.events import FORWARD_ERROR

# Longer replies are cut in the middle: the code stands at the start, the SMTP stage at the end.
_HEAD, _TAIL = 1_000, 200


class Diagnosis(StrEnum):
    """Why a mail did not arrive."""

    UNKNOWN_USER = "unknown_user"
    RECIPIENT_FILTER = "recipient_filter"
    SUSPENDED = "suspended"
    MAILBOX_FULL = "mailbox_full"
    SENDER_AUTH = "sender_auth"
    SENDER_REPUTATION = "sender_reputation"
    RATE_LIMITED = "rate_limited"
    CONTENT = "content"
    TOO_BIG = "too_big"
    RECEIVER_TROUBLE = "receiver_trouble"


class Receiver(StrEnum):
    """A mail service whose replies have rules of their own."""

    DOCOMO = "docomo"
    AU = "au"
    SOFTBANK = "softbank"
    YAHOO_JAPAN = "yahoo_japan"
    GMAIL = "gmail"
    ICLOUD = "icloud"
    MICROSOFT = "microsoft"


# The domains and replies of the services, and the rules.
_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
DOMAINS = {Receiver(key): tuple(names) for key, names in _TABLE["domains"].items()}
_BY_DOMAIN = {name: receiver for receiver, names in DOMAINS.items() for name in names}
_BY_REPLY = [(Receiver(key), word) for word, key in _TABLE["replies"].items()]
_UNKNOWN_USER = _TABLE["unknown_user"]

# These say "unknown user" when the recipient's filter refuses, too.
AMBIGUOUS = (Receiver.DOCOMO, Receiver.AU)

# Codes whose reply says nothing of this recipient: somebody else's server, or none.
_NOT_DIAGNOSED = (FORWARD_ERROR, "10", "11")

_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
# Postfix writes the stage so; RCPT is seen in CMC's examples, DATA is inferred.
_STAGE = re.compile(r"\(in reply to (?:end of )?(DATA|RCPT TO)(?: command)?\)\s*$")


class _Rule(NamedTuple):
    """The diagnosis of a reply that matches all of it; *enhanced* is the whole status code."""

    diagnosis: Diagnosis
    receivers: tuple[Receiver, ...]
    enhanced: re.Pattern[str] | None
    text: re.Pattern[str]
    stage: str
    code: str


def _rule(line: Mapping[str, Any]) -> _Rule:
    text = line.get("text", "").replace("UNKNOWN_USER", _UNKNOWN_USER)
    return _Rule(
        Diagnosis(line["diagnosis"]),
        tuple(Receiver(word) for word in line.get("receivers", ())),
        re.compile(line["enhanced"]) if "enhanced" in line else None,
        re.compile(text, re.IGNORECASE),
        line.get("stage", ""),
        line.get("code", ""),
    )


_RULES = [_rule(line) for line in _TABLE["rules"]]


@lru_cache(maxsize=512)  # each of the documents of a bounce asks, and the log line
def diagnose(code: str, reason: str, to_domain: str) -> Diagnosis | None:
    """Return the diagnosis of one event, None where nothing is certain.

    *code* is CMC's bounce code, empty for a failure without one; *reason* is the reply of
    the receiving server; *to_domain* is that of the recipient, in lower case.
    """
    if code in _NOT_DIAGNOSED or not reason:
        return None
    text = reason if len(reason) <= _HEAD + _TAIL else f"{reason[:_HEAD]} {reason[-_TAIL:]}"
    receiver = receiver_of(to_domain, text)
    stage = stage_of(text)
    found = _ENHANCED.search(text)
    enhanced = found[1] if found else ""
    for rule in _RULES:
        if (
            (not rule.receivers or receiver in rule.receivers)
            and (not rule.code or code == rule.code)
            and (not rule.stage or stage == rule.stage)
            and (rule.enhanced is None or rule.enhanced.fullmatch(enhanced))
            and rule.text.search(text)
        ):
            uncertain = receiver in AMBIGUOUS and rule.diagnosis is Diagnosis.UNKNOWN_USER
            return None if uncertain else rule.diagnosis
    return None


def may_be_filtered(code: str, reason: str, to_domain: str) -> bool:
    """Return whether a reply without diagnosis may come of the recipient's own filter."""
    if code in _NOT_DIAGNOSED or receiver_of(to_domain, reason) not in AMBIGUOUS:
        return False
    return code == "2" or re.search(_UNKNOWN_USER, reason, re.IGNORECASE) is not None


def receiver_of(domain: str, reply: str = "") -> Receiver | None:
    """Return the service of a recipient's *domain*, or of the server that sent *reply*."""
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        if receiver := _BY_DOMAIN.get(".".join(labels[start:])):
            return receiver
    return next((receiver for receiver, word in _BY_REPLY if word in reply), None)


def stage_of(reply: str) -> str:
    """Return the SMTP command that *reply* answers, ``DATA`` or ``RCPT TO``, empty if not told."""
    stage = _STAGE.search(reply[-_TAIL:])
    return stage[1] if stage else ""
