"""A received mail, whichever provider posted it. Pure."""

from dataclasses import dataclass, field
from typing import Any

from cmc_webhook.inbound.headers import Headers
from cmc_webhook.reasons import Reason


class UnreadableMail(Exception):
    """The body cannot be read as a mail; all of it goes to quarantine, with the reason *why*."""

    def __init__(self, why: Reason) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a mail, and its declared charset, empty if there is none."""

    content: bytes
    charset: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """An attached file; its name as posted, which may be encoded or contain a path."""

    content: bytes
    file_name: str = ""
    content_type: str = ""
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents, in several texts if pictures part them; *raw* is the whole mail, if posted."""

    headers: Headers
    text: list[Text] = field(default_factory=list)
    html: list[Text] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, its envelope, and what else the provider says: *extras*, by field of the document."""

    provider: str
    contents: Contents
    envelope_from: str
    envelope_to: list[str]
    extras: dict[str, Any]
