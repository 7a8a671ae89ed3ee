"""Reads a mail from the fields of SendGrid's Inbound Parse webhook, in default or raw mode. Pure.

https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/setting-up-the-inbound-parse-webhook
"""

from typing import Any

from cmc_webhook.inbound.headers import parse_headers
from cmc_webhook.inbound.mail import Attachment, Contents, Mail, Text, UnreadableMail
from cmc_webhook.inbound.mime import read_mime
from cmc_webhook.inbound.parts import Part, Parts
from cmc_webhook.reasons import Reason

_EXTRAS = ["from", "to", "cc", "subject", "spf", "dkim", "spam_score", "sender_ip", "attachments"]


def read_sendgrid(parts: Parts) -> Mail:
    """Return the mail in *parts*. Raises UnreadableMail if its envelope cannot be read."""
    envelope = parts.mapping("envelope")
    recipients = envelope.get("to")
    if not isinstance(recipients, list):
        raise UnreadableMail(Reason.UNREADABLE_ENVELOPE)
    raw = parts.fields.get("email")
    return Mail(
        "sendgrid",
        _contents(parts) if raw is None else read_mime(raw),
        str(envelope.get("from") or ""),
        [str(recipient) for recipient in recipients],
        {name: parts.text(name) for name in _EXTRAS},
    )


def _contents(parts: Parts) -> Contents:
    charsets = parts.mapping("charsets")
    text, html = (
        [Text(parts.fields[name], str(charsets.get(name) or ""))] if name in parts.fields else []
        for name in ("text", "html")
    )
    details = parts.mapping("attachment-info")
    inline = {str(name): content_id for content_id, name in parts.mapping("content-ids").items()}
    attachments = [_attachment(f, details.get(f.name), inline.get(f.name, "")) for f in parts.files]
    return Contents(parse_headers(parts.fields.get("headers", b"")), text, html, attachments)


def _attachment(file: Part, details: Any, content_id: str) -> Attachment:
    info = details if isinstance(details, dict) else {}
    return Attachment(
        file.content,
        str(info.get("filename") or info.get("name") or file.file_name or ""),
        str(info.get("type") or file.content_type),
        str(info.get("content-id") or content_id),
    )
