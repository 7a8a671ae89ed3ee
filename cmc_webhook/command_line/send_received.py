"""`send --inbound`: plays CMC and SendGrid posting received mail."""

import random
from collections.abc import Sequence

import click

from cmc_webhook.command_line import report
from cmc_webhook.command_line.sending import Options, announce, fail_if, post_all, seed_and_end
from cmc_webhook.command_line.verify_received import verify_received
from cmc_webhook.reading.connection import Connection
from cmc_webhook.simulator import chaos
from cmc_webhook.simulator.posting import Answer, Credential, Message
from cmc_webhook.simulator.received import SENDERS, Form, ReceivedMail, received_mails
from cmc_webhook.simulator.received_posts import received_post


def send_received(
    url: str, credential: Credential, options: Options, connection: Connection | None
) -> None:
    """Post received mails to *url* and say what was answered; compare with *place* if given."""
    forms = SENDERS[options.inbound or ""]
    if credential.api_key and Form.SENDGRID in forms:
        raise click.UsageError(
            "SendGrid puts no key into the body: use --inbound cmc, --bearer or --basic, or a"
            " --url with MailKey and MailSecret."
        )
    seed, end = seed_and_end(options.seed, options.end)
    rng = random.Random(seed)
    mails = received_mails(options.count, forms, end, rng)
    if options.duplicate:
        mails = chaos.duplicate(mails, rng)
    announce(f"{options.count:,} received mails in {len(mails):,} posts", url, seed, end)
    messages = [(_message(mail, credential), 1) for mail in mails]
    answers = post_all(url, messages, options.rate, options.concurrency)
    _conclude(list(zip(mails, answers, strict=True)), connection)


def _message(mail: ReceivedMail, credential: Credential) -> Message:
    body, content_type = received_post(mail, credential.api_key)
    return Message(body, content_type, credential.authorization)


def _conclude(sent: Sequence[tuple[ReceivedMail, Answer]], connection: Connection | None) -> None:
    answers = [answer for _, answer in sent]
    for line in report.answers(answers):
        click.echo(line)
    kept = {mail.message_id: mail for mail, answer in sent if answer.accepted}
    files = sum(len(mail.files) for mail in kept.values())
    click.echo(f"Mails that must be there: {len(kept):,}, with {files:,} attachments.")
    wrong = list(report.refusals(answers))
    if quarantined := sum(answer.counts.get("quarantined", 0) for answer in answers):
        wrong.append(f"{quarantined:,} mails were put into quarantine.")
    if connection:
        differences = verify_received(connection, kept)
        wrong += differences
        click.echo(f"Verified: {len(kept):,} mails; {len(differences):,} differences.")
    fail_if(wrong)
