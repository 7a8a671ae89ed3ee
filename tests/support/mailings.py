"""Mails of every fate for the statistics, and their numbers as plain counts of what was sent."""

import itertools
import random
from collections import Counter
from typing import NamedTuple

from tests.support.records import make_record

BLOCKED, FILTERED = "550 5.7.26 <{to}> no SPF 192.0.2.{n}", "550 5.1.1 <{to}>: no such user {n}"
# The words of the events in order; a number is the code of a bounce.
FATES = {
    "succeeded": ("queued", "succeeded"),
    "deferred first": ("queued", "deferred", "succeeded"),
    "failed": ("queued", "failed", "2"),
    "failed without a bounce": ("queued", "failed"),
    "bounced alone": ("4",),
    "late": ("queued", "succeeded", "2"),
    "forward error": ("queued", "succeeded", "6"),
    "blocked": ("queued", "10"),
    "unsubscribed": ("queued", "11"),
    "waiting": ("queued", "deferred"),
}
# As CMC counts: no bounce after a success, and no forward error.
COUNTED = {
    "succeeded": {"succeeded", "deferred first", "late", "forward error"},
    "failed": {"failed", "failed without a bounce", "bounced alone"},
    "suppressed": {"blocked", "unsubscribed"},
    "late": {"late"},
}
# The last second of a day in Japan and the first one, and a time whose day in UTC is another.
TIMES = ("00:00:00", "08:30:00", "15:00:00", "23:59:59")
SERVICES = {
    "docomo.ne.jp": "docomo",
    "ezweb.ne.jp": "au",
    "t.vodafone.ne.jp": "softbank",
    "gmail.com": "gmail",
    "example.jp": "",
    "sub.gmail.com": "",
}
DAYS = ("2025-01-24", "2025-01-25", "2025-01-26")
SUBJECTS = ("お知らせ", "=SUM(A1)", "")


class Sent(NamedTuple):
    """One mail that was sent."""

    day: str
    subject: str
    domain: str
    fate: str
    api_data: str


def mails():
    """Return mails of every fate, day, edge of a day, subject and domain."""
    rng = random.Random(1)
    every = itertools.product(DAYS, SUBJECTS, SERVICES, FATES)
    return [
        Sent(day, subject, domain, fate, f"{rng.choice(('NEWS-1', 'NEWS-2', 'news-1'))}-{n:04}")
        for n, (day, subject, domain, fate) in enumerate(every)
        if rng.random() < 0.5
    ]


def posts(sent):
    """Return records of deliveries and of bounces, in any order, some of them repeated."""
    rng = random.Random(2)
    lists = [], []
    for n, mail in enumerate(sent):
        to = f"user{n}@{mail.domain}"
        for number, word in enumerate(FATES[mail.fate]):
            # Only the first event is certainly of the day.
            day = mail.day if number == 0 else "2025-01-28"
            at = rng.choice(TIMES) if number == 0 else f"10:00:0{number}"
            reply = rng.choice((BLOCKED, FILTERED)).format(to=to, n=n % 200)
            record = make_record(
                created=f"{day} {at}", status=word, to=to, subject=mail.subject,
                messageId=f"<{n}@example.com>", apiData=mail.api_data,
                reason="" if word in ("queued", "succeeded") else reply,
            )  # fmt: skip
            lists[word.isdigit()].extend([record] * rng.choice((1, 1, 2)))
    for each in lists:
        rng.shuffle(each)
    return lists


def numbers(sent):
    """Return what CMC's statistics and this project's own numbers are of *sent*."""
    found = Counter(name for mail in sent for name, fates in COUNTED.items() if mail.fate in fates)
    received = len(sent)
    succeeded, failed, late = (found[name] for name in ("succeeded", "failed", "late"))
    valid = received - found["suppressed"]
    results = succeeded + failed
    rates = [f"{100 * n / results:.2f}%" if results else "" for n in (failed, failed + late)]
    counts = (received, succeeded, failed, found["suppressed"], valid, valid - results, late)
    return [*map(str, counts), *rates]
