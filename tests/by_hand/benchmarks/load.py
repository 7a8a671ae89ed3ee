"""The posts that are sent, as CMC makes them."""

import itertools

from tests.support.records import as_form, as_json, make_post, make_record

_numbers = itertools.count(1)
# Long enough that 64 of them in each of 100 documents pass 8 MiB.
LONG_REASON = "452 4.2.2 The mailbox of the recipient is full, try again later. " * 20


def new_mails(count):
    """Return the message ids of *count* mails that nobody has seen, shaped like CMC's own."""
    return [f"<{next(_numbers):08x}-dacf-11ef-9c4c-06a7d1f5b2c3@example.com>" for _ in range(count)]


def make_records(mails, status, second=0, reason=""):
    """Return a record for each mail, which says *status* at *second* of the same day."""
    return [
        make_record(
            messageId=mail,
            to=f"recipient-{number}@customer.example.jp",
            subject="ご注文の確認 (Order confirmation)",
            status=status,
            created=f"2025-01-25 {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}",
            reason=reason,
            senderIp="" if status == "queued" else "192.0.2.9",
        )
        for number, mail in enumerate(mails)
    ]


def body(deliveries=None, bounces=None, *, form=False):
    """Return the bytes of one post, JSON or a form."""
    encode = as_form if form else as_json
    return encode(make_post(deliveries, bounces))[0]


def chunks(items, size):
    for start in range(0, len(items), size):
        yield items[start : start + size]
