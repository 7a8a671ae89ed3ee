"""Why a mail did not arrive: the table of carriers, stages and codes, and what is never said."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmc_webhook.status import document
from cmc_webhook.status.diagnosis import Diagnosis, Receiver, diagnose, receiver_of, stage_of
from tests.support.growth import assert_linear
from tests.test_document import at, make_event

DATA = " (in reply to end of DATA command)"
RCPT = " (in reply to RCPT TO command)"
NO_STAGE = ""

# reply, recipient's domain, stage, CMC's code, diagnosis (empty: none)
TABLE = [
    # docomo and au: "unknown user" after DATA is the recipient's filter, else it cannot be told.
    ("550 Unknown user a@docomo.ne.jp", "docomo.ne.jp", DATA, "2", "recipient_filter"),
    ("550 Unknown user a@docomo.ne.jp", "docomo.ne.jp", DATA, "4", "recipient_filter"),
    ("550 Unknown user a@docomo.ne.jp", "docomo.ne.jp", DATA, "99", "recipient_filter"),
    ("550 Unknown user a@docomo.ne.jp", "docomo.ne.jp", RCPT, "2", ""),
    ("550 Unknown user a@docomo.ne.jp", "docomo.ne.jp", RCPT, "99", ""),
    ("550 Unknown user a@docomo.ne.jp", "docomo.ne.jp", NO_STAGE, "2", ""),
    ("550 Unknown user a@docomo.ne.jp", "docomo.ne.jp", NO_STAGE, "4", ""),
    ("550 5.1.1 Unknown user a@docomo.ne.jp", "docomo.ne.jp", RCPT, "2", ""),
    ("552 Too much mail data", "docomo.ne.jp", NO_STAGE, "5", "mailbox_full"),
    ("552 Too much mail data", "docomo.ne.jp", DATA, "99", "mailbox_full"),
    ("552 Too many recipients", "docomo.ne.jp", RCPT, "4", "rate_limited"),
    ("500 Line Too Long", "docomo.ne.jp", DATA, "99", "content"),
    ("550 : User unknown", "ezweb.ne.jp", DATA, "2", "recipient_filter"),
    ("550 : User unknown", "au.com", DATA, "99", "recipient_filter"),
    ("550 <a@ezweb.ne.jp>: User unknown", "ezweb.ne.jp", RCPT, "2", ""),
    ("550 <a@au.com>: User unknown", "au.com", NO_STAGE, "2", ""),
    ("550 <a@au.com>: User unknown", "au.com", NO_STAGE, "99", ""),
    ("554 <a@au.com>: Relay access denied", "au.com", RCPT, "4", ""),
    # SoftBank
    ("550 Invalid recipient: <a@softbank.ne.jp>", "softbank.ne.jp", RCPT, "2", "unknown_user"),
    ("550 Invalid recipient: <a@i.softbank.jp>", "i.softbank.jp", NO_STAGE, "99", "unknown_user"),
    ("553 example.com does not exist", "softbank.ne.jp", RCPT, "4", "sender_auth"),
    # Gmail
    ("550-5.1.1 The email account that you", "gmail.com", RCPT, "2", "unknown_user"),
    ("550 5.2.1 The email account is disabled", "gmail.com", RCPT, "2", "suspended"),
    ("450 4.2.1 The user is receiving mail at a rate that", "gmail.com", RCPT, "3", "rate_limited"),
    ("550 5.2.1 The user is receiving mail too quickly", "gmail.com", RCPT, "4", "rate_limited"),
    ("552-5.2.2 The recipient's inbox is out of space", "gmail.com", DATA, "5", "mailbox_full"),
    ("550-5.7.26 This mail is unauthenticated", "gmail.com", DATA, "4", "sender_auth"),
    ("421-4.7.30 DKIM did not pass", "gmail.com", DATA, "3", "sender_auth"),
    ("550-5.7.25 The IP address has no record", "gmail.com", DATA, "4", "sender_reputation"),
    ("421-4.7.28 An unusual rate of mail", "gmail.com", DATA, "3", "rate_limited"),
    ("550-5.7.1 very low reputation of the domain", "gmail.com", DATA, "4", "sender_reputation"),
    ("550-5.7.1 multiple addresses in From: header", "gmail.com", DATA, "4", "content"),
    # Microsoft
    ("550 5.1.10 RecipientNotFound", "outlook.jp", RCPT, "2", "unknown_user"),
    ("550 5.4.1 Recipient address rejected: Access denied", "example.jp", RCPT, "4", ""),
    ("550 5.7.509 Access denied, sending domain", "hotmail.com", DATA, "4", "sender_auth"),
    ("550 5.7.606 Access denied, banned sending IP", "outlook.com", RCPT, "4", "sender_reputation"),
    ("451 4.7.650 The mail server is limited", "outlook.com", RCPT, "3", "sender_reputation"),
    # iCloud, Yahoo! JAPAN
    ("550 5.1.1 user does not exist", "icloud.com", RCPT, "2", "unknown_user"),
    ("552 5.2.2 user is over quota", "icloud.com", RCPT, "5", "mailbox_full"),
    ("550 5.7.1 Blocked - see spamhaus", "icloud.com", RCPT, "4", "sender_reputation"),
    ("554 5.7.1 rejected due to DMARC policy", "icloud.com", DATA, "4", "sender_auth"),
    ("553 Email not accepted for policy reasons", "yahoo.co.jp", DATA, "4", ""),
    # Any server
    ("550 blocked using bl.example.org", "example.jp", RCPT, "4", "sender_reputation"),
    ("552 5.3.4 too big", "example.jp", RCPT, "8", "too_big"),
    ("550 user unknown", "example.jp", DATA, "2", "recipient_filter"),
    ("550 user unknown", "example.jp", RCPT, "2", "unknown_user"),
    ("550 user unknown", "example.jp", RCPT, "99", ""),
    # Of CMC itself, of a forwarding address, and no reply at all
    ("a@example.jp is suppressed to send mail", "example.jp", NO_STAGE, "10", ""),
    ("550 5.1.1 user unknown", "example.jp", RCPT, "6", ""),
    ("550 5.1.1 user unknown", "example.jp", RCPT, "11", ""),
    ("", "example.jp", NO_STAGE, "2", ""),
    ("宛先が見つかりません", "example.jp", NO_STAGE, "2", ""),
]


@pytest.mark.parametrize(("reply", "domain", "stage", "code", "expected"), TABLE)
def test_the_diagnosis_of_a_reply(reply, domain, stage, code, expected):
    assert (diagnose(code, reply + stage if reply else "", domain) or "") == expected


@pytest.mark.parametrize("domain", ["docomo.ne.jp", "ezweb.ne.jp", "au.com", "mail.au.com"])
def test_docomo_and_au_never_say_that_an_address_does_not_exist(domain):
    for reply, stage, code in itertools.product(
        ("550 5.1.1 User unknown", "550 Unknown user", "550 no such user", "550 5.1.10 gone"),
        (DATA, RCPT, NO_STAGE),
        ("1", "2", "4", "99", ""),
    ):
        assert diagnose(code, reply + stage, domain) is not Diagnosis.UNKNOWN_USER


@pytest.mark.parametrize(
    ("domain", "reply", "receiver"),
    [
        ("docomo.ne.jp", "", Receiver.DOCOMO),
        ("d.vodafone.ne.jp", "", Receiver.SOFTBANK),
        ("example.com", "550 5.1.1 no such user c2-2022.127 - gsmtp", Receiver.GMAIL),
        ("example.com", "550 [BL2NAM02.eop-nam02.prod.protection.outlook.com]", Receiver.MICROSOFT),
        ("notdocomo.ne.jp", "", None),
        ("ne.jp", "", None),
        ("", "", None),
    ],
)
def test_the_receiver_is_known_by_domain_or_reply(domain, reply, receiver):
    assert receiver_of(domain, reply) is receiver


def test_the_stage_stands_at_the_end_of_a_long_reply():
    reply = "550 Unknown user " + "x" * 10_000 + DATA
    event = make_event("bounces", status="2", to="a@docomo.ne.jp", reason=reply)

    assert len(event.reason.encode()) <= 4096
    assert stage_of(event.reason) == "DATA"
    assert document.fold({}, [event])["diagnosis"] == "recipient_filter"


def test_an_event_keeps_its_id_although_a_longer_reason_is_kept():
    long, cut = "x" * 4096 + "y" * 50, "x" * 4096

    ids = {make_event("bounces", status="2", reason=reason).id for reason in (long, cut)}

    assert len(ids) == 1


@pytest.mark.parametrize(
    ("reason", "code", "bounce_class"),
    [
        ("550 5.1.1 no", "2", "hard"),
        ("550 Unknown user" + DATA, "2", "recipient"),
        ("550 5.2.2 full", "99", "soft"),
        ("550-5.7.26 unauthenticated", "4", "policy"),
        ("550 something else", "2", "hard"),
        ("", "99", "unknown"),
    ],
)
def test_the_class_follows_the_diagnosis(reason, code, bounce_class):
    held = document.fold({}, [make_event("bounces", status=code, reason=reason)])

    assert held["bounce_class"] == bounce_class


def test_the_diagnosis_is_that_of_the_event_that_decides_the_code():
    failed = make_event(status="failed", created=at(1), reason="550 5.2.2 full")
    bounce = make_event("bounces", status="4", created=at(2), reason="550-5.7.26 no SPF")
    silent = make_event("bounces", status="4", created=at(3), reason="")

    assert document.fold({}, [failed])["diagnosis"] == "mailbox_full"
    assert document.fold({}, [failed, bounce])["diagnosis"] == "sender_auth"
    assert "diagnosis" not in document.fold({}, [failed, bounce, silent])


OUTCOMES = [
    (["queued"], "open", False),
    (["queued", "deferred"], "open", False),
    (["succeeded"], "succeeded", False),
    (["succeeded", "2"], "succeeded", True),
    (["succeeded", "6"], "succeeded", False),
    (["succeeded", "10"], "succeeded", False),
    (["failed"], "failed", False),
    (["failed", "2"], "failed", False),
    (["2"], "failed", False),
    (["6"], "open", False),
    (["10"], "suppressed", False),
    (["11"], "suppressed", False),
]


@pytest.mark.parametrize(("words", "outcome", "late"), OUTCOMES)
def test_the_outcome_is_as_cmc_counts(words, outcome, late):
    events = [
        make_event("bounces" if word.isdigit() else "deliveries", status=word, created=at(second))
        for second, word in enumerate(words)
    ]

    for order in itertools.permutations(events):
        held = {}
        for event in order:
            held = document.fold(held, [event])
        assert (held["outcome"], held.get("late_bounce", False)) == (outcome, late)


@pytest.mark.parametrize(
    ("created", "day"),
    [
        ("2025-01-25 23:59:59", "2025-01-25"),
        ("2025-01-26 00:00:00", "2025-01-26"),
        ("2025-01-25T15:00:00+00:00", "2025-01-26"),
    ],
)
def test_a_mail_counts_on_the_day_in_japan_on_which_it_was_queued(created, day):
    later = make_event(status="succeeded", created="2025-02-01 00:00:00")
    queued = make_event(status="queued", created=created)

    held = document.fold(document.fold({}, [later]), [queued])

    assert held["queued_on"] == day
    assert held["first_event_at"] == queued.at


def test_without_queued_the_first_event_decides_the_day():
    held = document.fold({}, [make_event(status="succeeded", created="2025-01-25 14:00:00")])

    assert held["queued_on"] == "2025-01-25"


pieces = st.sampled_from(
    ["5.7.1 ", "block ", "blocked using", "(in reply to ", "user ", "unknown", "mail", "<", "553 "]
)


@given(st.lists(pieces, max_size=50).map("".join))
def test_any_reply_has_one_of_the_ten_words_or_none(reply):
    assert diagnose("99", reply, "example.jp") in (None, *Diagnosis)


@pytest.mark.parametrize(
    "piece", ["a", " ", "5.7.1 ", "block ", "553 ", "(in reply to ", "mailbox "]
)
def test_a_hostile_reply_takes_linear_time(piece):
    assert_linear(
        lambda reply: diagnose("99", reply, "example.jp"),
        lambda size: piece * (size // len(piece)),
        64 * 1024,
    )
