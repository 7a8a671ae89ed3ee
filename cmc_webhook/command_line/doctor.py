"""`doctor`: find what is wrong with a deployment, and what to do."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import click
from google.api_core.exceptions import (
    DeadlineExceeded,
    GoogleAPIError,
    RetryError,
    ServiceUnavailable,
)

from cmc_webhook.command_line.checks import Deployment, bounces_alone, problems
from cmc_webhook.command_line.rendering import labelled
from cmc_webhook.deployment.comparison import compare
from cmc_webhook.deployment.talk import Talk
from cmc_webhook.reading.connection import (
    Connection,
    FirestoreOptions,
    settings_here,
    settings_with_credentials,
)
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.options import connected, firestore_options, language_option
from cmc_webhook.reading.quarantine import Quarantine
from cmc_webhook.reading.received import ReceivedMails
from cmc_webhook.reading.statuses import MailStatuses
from cmc_webhook.settings import SettingsError

T = TypeVar("T")

_ODD = 20

_INDENT = 4
_REFUSED_POSTS = """\
Not checked: posts that were refused, which leave no trace in Firestore.
Google's log of the last day has them:
  LOGS='resource.type="cloud_run_revision"'
  LOGS="$LOGS AND resource.labels.service_name=cmc-webhook"
  gcloud logging read "$LOGS AND httpRequest.status=403" --limit=20
  gcloud logging read "$LOGS AND httpRequest.status=401" --limit=20
  gcloud logging read "$LOGS AND httpRequest.status=400" --limit=20
  gcloud logging read "$LOGS AND jsonPayload.error=store_unavailable" --limit=20
  gcloud logging read "$LOGS AND severity>=ERROR" --limit=20"""
_NO_CREDENTIAL = """\
Not checked: the credentials, as none is set in this environment. Run this with
the settings of the function (CMC_API_KEYS, CMC_BASIC_CREDENTIALS, ...) to check
them too."""


@click.command()
@click.option(
    "--last",
    default=200,
    type=click.IntRange(1, 1000),
    show_default=True,
    help="Mails to check, the latest.",
)
@click.option("--deployment", "with_gcloud", is_flag=True, help="Compare with the table of steps.")
@language_option
@firestore_options
def doctor(where: FirestoreOptions, last: int, with_gcloud: bool, lang: str) -> None:
    """
    Find what is wrong with a deployment, and what to do.

    It checks settings, documents and quarantine, and says first what it cannot
    check. The settings are those of the environment: set the function's. Exit
    status 1 if it finds a problem.

    \b
    python -m cmc_webhook doctor
    CMC_TIME_ZONE=UTC python -m cmc_webhook doctor --project P --database cmc
    python -m cmc_webhook doctor --project P --deployment
    """
    if with_gcloud:
        _compare(where.project, Talk(lang))
        return
    connection = connected(where)
    deployment = _deployment(connection, last)
    click.echo(_REFUSED_POSTS)
    if not (deployment.refused_setting or any(deployment.settings.credentials.values())):
        click.echo(_NO_CREDENTIAL)
    click.echo(f"\nChecked {len(deployment.latest):,} mails and the settings.")
    click.echo(bounces_alone(deployment.latest))
    found = problems(deployment)
    for number, problem in enumerate(found, 1):
        click.echo()
        for line in (
            *labelled(f"{number}.", problem.text, _INDENT),
            *labelled("", problem.remedy, _INDENT),
        ):
            click.echo(line)
    if found:
        sys.exit(1)
    click.echo("No problem was found.")


def _compare(project: str, talk: Talk) -> None:
    if not project:
        raise click.UsageError("--deployment needs --project.")
    with talk.failing_in_one_sentence():
        if not compare(project, talk):
            sys.exit(1)


class _Looks:
    """Looks into Firestore of which each may fail; *failed* has what each error hid."""

    def __init__(self) -> None:
        self.failed: dict[str, list[str]] = {}

    def at(self, what: str, read: Callable[[], T], otherwise: T) -> T:
        """Return what *read* returns; *otherwise* if Firestore answers with an error."""
        try:
            return read()
        except (RetryError, ServiceUnavailable, DeadlineExceeded):
            raise  # nothing else would be answered either
        except GoogleAPIError as error:
            self.failed.setdefault(str(error).splitlines()[0], []).append(what)
            return otherwise


def _deployment(connection: Connection, last: int) -> Deployment:
    statuses = MailStatuses(connection.client, connection.collection)
    kept = Quarantine(connection.client, connection.collection)
    received_kept = Quarantine(connection.client, connection.inbound_collection)
    received = ReceivedMails(connection.client, connection.inbound_collection)
    settings, refused = settings_here(), ""
    try:
        settings = settings_with_credentials()
    except SettingsError as error:
        refused = str(error)
    looks = _Looks()
    nothing: list[Document] = []
    latest = looks.at("the mails", lambda: statuses.last_received(last), nothing)
    odd = looks.at("mails of odd times", lambda: statuses.oddly_received(_ODD), nothing)
    return Deployment(
        environ=os.environ,
        settings=settings,
        refused_setting=refused,
        real=connection.real,
        now=datetime.now(UTC),
        latest=latest,
        oldest=looks.at("the oldest mail", statuses.first_received, nothing),
        documents={
            "mails": [*latest, *odd],
            "entries of the quarantine": looks.at(
                "entries of the quarantine", lambda: kept.heads(_ODD), nothing
            ),
            "received mails": looks.at(
                "the received mails", lambda: received.listing().page(_ODD), nothing
            ),
            "entries of the quarantine of received mail": looks.at(
                "entries of the quarantine of received mail",
                lambda: received_kept.heads(_ODD),
                nothing,
            ),
        },
        quarantined=looks.at("the quarantine", kept.count, 0),
        received_quarantined=looks.at("the quarantine of received mail", received_kept.count, 0),
        missing_indexes=looks.at("the indexes", statuses.missing_indexes, []),
        failed_looks=looks.failed,
    )
