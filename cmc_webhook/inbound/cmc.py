"""Reads a mail from the fields of CMC's inbound webhook, which posts multipart or JSON. Pure."""

from cmc_webhook.inbound.headers import Headers
from cmc_webhook.inbound.mail import Attachment, Contents, Mail, Text, UnreadableMail
from cmc_webhook.inbound.mailboxes import addresses
from cmc_webhook.inbound.parts import Parts
from cmc_webhook.reasons import Reason


def read_cmc(parts: Parts) -> Mail:
    """Return the mail in *parts*. Raises UnreadableMail if its header is not a list of fields."""
    text, html = ([Text(parts.fields[n])] if n in parts.fields else [] for n in ("text", "html"))
    attachments = [Attachment(f.content, f.file_name or "", f.content_type) for f in parts.files]
    recipients = addresses([parts.text("envelope-to")])
    return Mail(
        "cmc",
        Contents(_headers(parts), text, html, attachments),
        parts.text("envelope-from"),
        [recipient["address"] for recipient in recipients if "address" in recipient],
        {
            name: parts.text(name)
            for name in ("subject", "filter", "server_composition", "attachments")
        },
    )


def _headers(parts: Parts) -> Headers:
    items = parts.json("headers")
    try:
        return Headers((str(item["name"]), str(item["value"])) for item in items)
    except (TypeError, KeyError) as error:
        raise UnreadableMail(Reason.UNREADABLE_HEADERS) from error
