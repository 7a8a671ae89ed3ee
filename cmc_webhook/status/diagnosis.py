"""
Why a mail did not arrive, from the reply of the receiving server. Pure.

CMC's bounce code is coarse: code 4 covers five different problems, and docomo and au answer
"unknown user" when the recipient's own filter refuses a mail. A diagnosis is one of ten words, each
of which needs another action. Where no rule is certain there is none, and CMC's cause stands alone.
"""

import re
from enum import StrEnum
from typing import NamedTuple

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


# The domains of each service; a subdomain belongs to it too.
_DOMAINS = {
    Receiver.DOCOMO: ("docomo.ne.jp",),
    Receiver.AU: ("ezweb.ne.jp", "au.com", "auone-net.jp"),
    Receiver.SOFTBANK: (
        *("softbank.ne.jp", "i.softbank.jp", "vodafone.ne.jp", "disney.ne.jp"),
        *("ymobile.ne.jp", "ymobile1.ne.jp", "y-mobile.ne.jp"),
    ),
    Receiver.YAHOO_JAPAN: ("yahoo.co.jp", "ybb.ne.jp"),
    Receiver.GMAIL: ("gmail.com", "googlemail.com"),
    Receiver.ICLOUD: ("icloud.com", "me.com", "mac.com"),
    Receiver.MICROSOFT: (
        *("outlook.com", "outlook.jp", "hotmail.com", "hotmail.co.jp"),
        *("live.jp", "live.com", "msn.com"),
    ),
}
_BY_DOMAIN = {domain: receiver for receiver, names in _DOMAINS.items() for domain in names}
# What the replies of a service contain, for domains that it hosts.
_BY_REPLY = (
    (Receiver.GMAIL, " gsmtp"),
    (Receiver.GMAIL, "support.google.com/"),
    (Receiver.MICROSOFT, ".outlook.com"),
    (Receiver.YAHOO_JAPAN, "yahoo-help.jp"),
    (Receiver.ICLOUD, "support.apple.com/"),
)

# These say "unknown user" when the recipient's filter refuses, too.
AMBIGUOUS = (Receiver.DOCOMO, Receiver.AU)

# Codes whose reply says nothing of this recipient: somebody else's server, or none.
_NOT_DIAGNOSED = (FORWARD_ERROR, "10", "11")

_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
# Postfix writes the stage so; RCPT is seen in CMC's examples, DATA is inferred.
_STAGE = re.compile(r"\(in reply to (?:end of )?(DATA|RCPT TO)(?: command)?\)\s*$")
_UNKNOWN_USER = (
    r"user unknown|unknown user|no such user|recipient not found|invalid recipient"
    r"|does(?: no|n')t exist|not our user"
)


class Rule(NamedTuple):
    """
    One line of the table: the diagnosis of a reply that matches all of it.

    *enhanced* is a pattern of the whole enhanced status code, *text* one of the reply in
    any case. *source* says where the rule comes from.
    """

    diagnosis: Diagnosis
    source: str
    receivers: tuple[Receiver, ...] = ()
    enhanced: str = ""
    text: str = ""
    stage: str = ""
    code: str = ""


# Sources. CMC: https://smtps.jp/docs. Google: https://support.google.com/a/answer/3726730. RFC:
# 3463, 7372 and IANA's registry of enhanced status codes. Carriers: articles of sendmagic on
# note.com (2024 to 2026). Sisimai: the reasons that https://libsisimai.org gives to public replies.
# The first rule that matches decides, so a narrow one stands before a wide one.
RULES = (
    # Japanese carriers
    Rule(
        Diagnosis.RECIPIENT_FILTER, "carriers, Sisimai", (Receiver.DOCOMO, Receiver.AU),
        text="unknown user|user unknown", stage="DATA",
    ),
    Rule(Diagnosis.MAILBOX_FULL, "carriers", (Receiver.DOCOMO,), text="too much mail data"),
    Rule(Diagnosis.CONTENT, "carriers", (Receiver.DOCOMO,), text="line too long"),
    Rule(
        Diagnosis.SENDER_AUTH, "carriers", (Receiver.SOFTBANK,),
        text=r"^553 .*does not exist",
    ),
    Rule(Diagnosis.UNKNOWN_USER, "carriers", (Receiver.SOFTBANK,), text="invalid recipient"),
    # Authentication of the sender
    Rule(
        Diagnosis.SENDER_AUTH, "Google, RFC",
        enhanced=r"[45]\.7\.26|[45]\.7\.2[0-47]|[45]\.7\.3[02]",
    ),
    Rule(Diagnosis.SENDER_AUTH, "Sisimai", (Receiver.MICROSOFT,), enhanced=r"5\.7\.5(?:09|15)"),
    Rule(Diagnosis.SENDER_AUTH, "Sisimai", text=r"\b(?:spf|dkim|dmarc)\b|unauthenticated e?-?mail"),
    # Reputation of the sender
    Rule(Diagnosis.SENDER_REPUTATION, "Google, RFC", enhanced=r"[45]\.7\.25|5\.1\.8"),
    Rule(
        Diagnosis.SENDER_REPUTATION, "Sisimai", (Receiver.MICROSOFT,),
        enhanced=r"4\.7\.650|5\.7\.6(?:0[6-9]|[1-4]\d)|5\.7\.51[13]",
    ),
    Rule(
        Diagnosis.SENDER_REPUTATION, "carriers, Sisimai",
        text=r"blocked using|\bdnsbl|\brbl\b|spamhaus|black ?list|block ?list|\breputation\b"
        r"|\bptr\b|reverse dns",
    ),
    # Limits
    Rule(Diagnosis.RATE_LIMITED, "Google", enhanced=r"[45]\.7\.28"),
    Rule(
        Diagnosis.RATE_LIMITED, "Google, Sisimai",
        text=r"receiving (?:e?mail|messages) (?:at a rate|too quickly)|too many "
        r"(?:recipients|connections|messages|concurrent)|rate limit|unusual rate"
        r"|frequency limited|throttl",
    ),
    Rule(Diagnosis.MAILBOX_FULL, "RFC", enhanced=r"[45]\.2\.2"),
    Rule(
        Diagnosis.MAILBOX_FULL, "Sisimai",
        text=r"over ?quota|quota exceeded|(?:mail|in)box (?:is )?full",
    ),
    Rule(Diagnosis.TOO_BIG, "RFC", enhanced=r"5\.2\.3|5\.3\.4"),
    Rule(
        Diagnosis.TOO_BIG, "Sisimai",
        text=r"message (?:size|length) exceeds|message (?:is )?too (?:large|big)",
    ),
    # Content
    Rule(Diagnosis.CONTENT, "RFC", enhanced=r"5\.6\.[0-9]"),
    Rule(
        Diagnosis.CONTENT, "Sisimai",
        text=r"content (?:was )?rejected|\bvirus\b|\bspam$|multiple 550 5\.7\.1 addresses"
        r"|multiple addresses in from|its content presents",
    ),
    # The recipient
    Rule(Diagnosis.RECIPIENT_FILTER, "Sisimai", text="recipient preferences|message filtered"),
    Rule(
        Diagnosis.SUSPENDED, "Google, RFC",
        enhanced=r"5\.2\.1|5\.7\.13", text="disabled|inactive|suspended",
    ),
    Rule(
        Diagnosis.SUSPENDED, "Sisimai",
        text=r"account (?:has been|is|was) (?:disabled|suspended|discontinued|deactivated)",
    ),
    Rule(Diagnosis.RECIPIENT_FILTER, "inferred", text=_UNKNOWN_USER, stage="DATA"),
    Rule(Diagnosis.UNKNOWN_USER, "RFC, Google", enhanced=r"5\.1\.1|5\.1\.6|5\.1\.10"),
    Rule(Diagnosis.UNKNOWN_USER, "CMC and the reply agree", text=_UNKNOWN_USER, code="2"),
    # The receiving server
    Rule(
        Diagnosis.RECEIVER_TROUBLE, "RFC, Sisimai",
        enhanced=r"4\.4\.1|[45]\.4\.(?:7|312|316)|[45]\.3\.[012]",
    ),
    Rule(
        Diagnosis.RECEIVER_TROUBLE, "Sisimai",
        text=r"message expired|connection (?:refused|timed out)|service (?:currently )?unavailable"
        r"|temporary failure|try again later",
    ),
)  # fmt: skip
_COMPILED = tuple(
    (rule, re.compile(rule.enhanced or ".*"), re.compile(rule.text, re.IGNORECASE))
    for rule in RULES
)


def diagnose(code: str, reason: str, to_domain: str) -> Diagnosis | None:
    """
    Return the diagnosis of one event, None where nothing is certain.

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
    for rule, pattern, words in _COMPILED:
        if (
            (not rule.receivers or receiver in rule.receivers)
            and (not rule.code or code == rule.code)
            and (not rule.stage or stage == rule.stage)
            and (not rule.enhanced or pattern.fullmatch(enhanced))
            and words.search(text)
        ):
            uncertain = receiver in AMBIGUOUS and rule.diagnosis is Diagnosis.UNKNOWN_USER
            return None if uncertain else rule.diagnosis
    return None


def may_be_filtered(code: str, reason: str, to_domain: str) -> bool:
    """
    Return whether a carrier says "unknown user" and this may be the recipient's filter.

    The arguments are those of diagnose. Where it finds a diagnosis, that stands.
    """
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
