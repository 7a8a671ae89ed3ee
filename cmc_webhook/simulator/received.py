"""
Mails that people write to us, as CMC and SendGrid pass them on. Pure.

Everything random comes from the caller's seed; addresses are in domains reserved for examples.
"""

import html
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from cmc_webhook.simulator.files import File, files
from cmc_webhook.simulator.lives import cmc_message_id
from cmc_webhook.simulator.received_texts import (
    ANSWERS,
    INQUIRIES,
    QUOTED,
    READERS,
    SIGNATURE,
    WRITERS,
)
from cmc_webhook.simulator.texts import SUBJECTS

_LONGEST_GAP_S = 600
_ANSWERED_WITHIN_S = 3 * 86400
# The charset that a mail names, and Python's codec, which for Shift_JIS has what Windows added.
CODECS = {"UTF-8": "utf-8", "ISO-2022-JP": "iso2022_jp", "Shift_JIS": "cp932"}


class Form(StrEnum):
    """How a mail is posted; CMC's JSON carries no attachments."""

    CMC_JSON = "CMC's JSON"
    CMC_MULTIPART = "CMC's multipart"
    SENDGRID = "SendGrid's multipart"


SENDERS = {
    "cmc": (Form.CMC_JSON, Form.CMC_MULTIPART),
    "sendgrid": (Form.SENDGRID,),
    "both": tuple(Form),
}


class Person(NamedTuple):
    """A name, which may be empty, and an address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMail:
    """A mail; *written_at* in UTC, *in_reply_to* and *html* empty for none."""

    form: Form
    charset: str
    message_id: str
    written_at: datetime
    sender: Person
    recipient: Person
    subject: str
    text: str
    html: str
    in_reply_to: str
    files: tuple[File, ...]


def received_mails(
    count: int, forms: Sequence[Form], last_at: datetime, rng: random.Random
) -> list[ReceivedMail]:
    """Return *count* mails in the order in which they were written, the last at *last_at*."""
    written_at = last_at.replace(microsecond=0)
    mails = []
    for _ in range(count):
        mails.append(_mail(rng.choice(forms), written_at, rng))
        written_at -= timedelta(seconds=rng.randint(1, _LONGEST_GAP_S))
    return mails[::-1]


def _mail(form: Form, written_at: datetime, rng: random.Random) -> ReceivedMail:
    sender, recipient = Person(*rng.choice(WRITERS)), Person(*rng.choice(READERS))
    if rng.random() < 0.5:
        subject, text, in_reply_to = *rng.choice(INQUIRIES), ""
    else:
        sent_at = written_at - timedelta(seconds=rng.randint(60, _ANSWERED_WITHIN_S))
        answered = rng.choice(SUBJECTS)
        subject, in_reply_to = f"Re: {answered}", cmc_message_id(sent_at, rng)
        text = rng.choice(ANSWERS) + QUOTED.format(answered)
    text += SIGNATURE.format(sender.name or sender.address)
    return ReceivedMail(
        form=form,
        charset=rng.choice([*_fitting(subject + text + sender.name + recipient.name)]),
        message_id=f"<{written_at:%Y%m%d%H%M%S}.{rng.getrandbits(48):012x}@mail.example.org>",
        written_at=written_at,
        sender=sender,
        recipient=recipient,
        subject=subject,
        text=text,
        html=_html(text) if rng.random() < 0.5 else "",
        in_reply_to=in_reply_to,
        files=files(rng) if form is not Form.CMC_JSON and rng.random() < 0.5 else (),
    )


def _fitting(text: str) -> Iterator[str]:
    """Yield the charsets that have all characters of *text*."""
    for charset, codec in CODECS.items():
        try:
            text.encode(codec)
        except UnicodeEncodeError:
            continue
        yield charset


def _html(text: str) -> str:
    lines = html.escape(text).replace("\r\n", "<br>\r\n")
    return f'<html><body><div dir="ltr">{lines}</div></body></html>'
