"""Whose post it is, by its fields; a post of another webhook is told where it belongs. Pure."""

from cmc_webhook.envelope import CMC_MAIL, SENDGRID_MAIL
from cmc_webhook.errors import MalformedEnvelope
from cmc_webhook.inbound.cmc import read_cmc
from cmc_webhook.inbound.errors import UnreadableMail
from cmc_webhook.inbound.mail import Mail
from cmc_webhook.inbound.parts import Post
from cmc_webhook.inbound.sendgrid import read_sendgrid


def read_mail(post: Post) -> Mail:
    """
    Return the mail that *post* holds.

    Raise MalformedEnvelope if it is a status of sent mail, UnreadableMail if it
    cannot be read.
    """
    if post.fields.keys() >= CMC_MAIL:
        return read_cmc(post)
    if post.fields.keys() >= SENDGRID_MAIL:
        return read_sendgrid(post)
    if "event" in post.fields:
        raise MalformedEnvelope(
            "This is the status of sent mail, which belongs to the function cmc_webhook; this URL"
            " takes received mail: enter it in CMC under Inbound, not under Event."
        )
    raise UnreadableMail("unknown_fields")
