"""A received mail, whoever posted it. Pure."""

from dataclasses import dataclass, field
from typing import Any

from cmc_webhook.inbound.headers import Headers
from cmc_webhook.reasons import Reason


class UnreadableMail(Exception):
    """The body cannot become a mail; it goes to quarantine whole, because of *why*."""

    def __init__(self, why: Reason) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class Text:
    """A body of a mail, and the charset that it is said to be in."""

    content: bytes
    charset: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file; its name as it came, encoded or with a path in it."""

    content: bytes
    file_name: str = ""
    content_type: str = ""
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a mail is made of; *raw* are its own bytes, where the provider passes them on."""

    headers: Headers
    text: Text | None = None
    html: Text | None = None
    attachments: list[Attachment] = field(default_factory=list)
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail and what its provider says about it; *about* are fields of the document."""

    provider: str
    contents: Contents
    envelope_from: str
    envelope_to: list[str]
    about: dict[str, Any]
