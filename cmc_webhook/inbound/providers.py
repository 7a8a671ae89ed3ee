"""Recognises the provider of a mail by the names of the fields. Pure."""

from cmc_webhook.errors import MalformedEnvelope
from cmc_webhook.fields import CMC_MAIL, SENDGRID_MAIL
from cmc_webhook.inbound.cmc import read_cmc
from cmc_webhook.inbound.mail import Mail, UnreadableMail
from cmc_webhook.inbound.parts import Parts
from cmc_webhook.inbound.sendgrid import read_sendgrid
from cmc_webhook.reasons import Reason


def read_mail(parts: Parts) -> Mail:
    """Return the mail. Raises MalformedEnvelope for a status of sent mail, or UnreadableMail."""
    if parts.fields.keys() >= CMC_MAIL:
        return read_cmc(parts)
    if parts.fields.keys() >= SENDGRID_MAIL:
        return read_sendgrid(parts)
    if "event" in parts.fields:
        raise MalformedEnvelope(
            "This is the status of sent mail, which belongs to the function cmc_webhook; this URL"
            " takes received mail: enter it in CMC under Inbound, not under Event."
        )
    raise UnreadableMail(Reason.UNKNOWN_FIELDS)
