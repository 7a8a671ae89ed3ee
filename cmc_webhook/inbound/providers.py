"""Whose post it is, by its fields; a post of another webhook is told where it belongs. Pure."""

from cmc_webhook.errors import MalformedEnvelope
from cmc_webhook.fields import CMC_MAIL, SENDGRID_MAIL
from cmc_webhook.inbound.cmc import read_cmc
from cmc_webhook.inbound.mail import Mail, UnreadableMail
from cmc_webhook.inbound.parts import Parts
from cmc_webhook.inbound.sendgrid import read_sendgrid
from cmc_webhook.reasons import Reason


def read_mail(post: Parts) -> Mail:
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
    raise UnreadableMail(Reason.UNKNOWN_FIELDS)
