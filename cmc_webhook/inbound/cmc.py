"""CMC's inbound webhook (multipart or JSON) to a mail. Pure."""

from cmc_webhook.inbound.headers import Headers, addresses
from cmc_webhook.inbound.mail import Attachment, Contents, Mail, Text, UnreadableMail
from cmc_webhook.inbound.parts import Parts
from cmc_webhook.reasons import Reason


def read_cmc(post: Parts) -> Mail:
    """Return the mail of *post*, or raise UnreadableMail if its headers are no list."""
    bodies = {name: Text(post.fields[name]) for name in ("text", "html") if name in post.fields}
    attachments = [Attachment(f.content, f.file_name or "", f.content_type) for f in post.files]
    recipients = addresses([post.text("envelope-to")])
    return Mail(
        "cmc",
        Contents(_headers(post), bodies.get("text"), bodies.get("html"), attachments),
        post.text("envelope-from"),
        [recipient["address"] for recipient in recipients],
        {
            "subject": post.text("subject"),
            "filter": post.text("filter"),
            "server_composition": post.text("server_composition"),
            "attachments": post.text("attachments"),
        },
    )


def _headers(post: Parts) -> Headers:
    items = post.json("headers")
    try:
        return Headers((str(item["name"]), str(item["value"])) for item in items)
    except (TypeError, KeyError) as error:
        raise UnreadableMail(Reason.UNREADABLE_HEADERS) from error
