"""
SendGrid's Inbound Parse webhook, default and raw mode, to a mail. Pure.

https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/setting-up-the-inbound-parse-webhook
"""

from typing import Any

from cmc_webhook.inbound.headers import parse_headers
from cmc_webhook.inbound.mail import Attachment, Contents, Mail, Text, UnreadableMail
from cmc_webhook.inbound.mime import read_mime
from cmc_webhook.inbound.parts import Part, Parts
from cmc_webhook.reasons import Reason


def read_sendgrid(post: Parts) -> Mail:
    """Return the mail of *post*, or raise UnreadableMail if its envelope cannot be read."""
    envelope = post.mapping("envelope")
    recipients = envelope.get("to")
    if not isinstance(recipients, list):
        raise UnreadableMail(Reason.UNREADABLE_ENVELOPE)
    raw = post.fields.get("email")
    return Mail(
        "sendgrid",
        _contents(post) if raw is None else read_mime(raw),
        str(envelope.get("from") or ""),
        [str(recipient) for recipient in recipients],
        {
            **{name: post.text(name) for name in ("from", "to", "cc", "subject")},
            **{name: post.text(name) for name in ("spf", "dkim", "spam_score", "sender_ip")},
            "attachments": post.text("attachments"),
        },
    )


def _contents(post: Parts) -> Contents:
    charsets = post.mapping("charsets")
    bodies = {
        name: Text(post.fields[name], str(charsets.get(name) or "utf-8"))
        for name in ("text", "html")
        if name in post.fields
    }
    details = post.mapping("attachment-info")
    inline = {str(name): content_id for content_id, name in post.mapping("content-ids").items()}
    attachments = [_attachment(f, details.get(f.name), inline.get(f.name, "")) for f in post.files]
    headers = parse_headers(post.fields.get("headers", b""))
    return Contents(headers, bodies.get("text"), bodies.get("html"), attachments)


def _attachment(file: Part, details: Any, content_id: str) -> Attachment:
    told = details if isinstance(details, dict) else {}
    return Attachment(
        file.content,
        str(told.get("filename") or file.file_name or ""),
        str(told.get("type") or file.content_type),
        str(told.get("content-id") or content_id),
    )
