"""`doctor`: find what is wrong with a deployment, and what to do."""

import os
import sys
from datetime import UTC, datetime

import click

from cmc_webhook.command_line.checks import Deployment, problems
from cmc_webhook.command_line.rendering import labelled
from cmc_webhook.reading.connection import Connection, FirestoreOptions, settings_here
from cmc_webhook.reading.options import connected, firestore_options
from cmc_webhook.reading.quarantine import Quarantine
from cmc_webhook.reading.statuses import MailStatuses

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
@firestore_options
def doctor(where: FirestoreOptions, last: int) -> None:
    """
    Find what is wrong with a deployment, and what to do.

    It checks settings, documents and quarantine, and says first what it cannot
    check. The settings are those of the environment: set the function's. Exit
    status 1 if it finds a problem.

    \b
    python -m cmc_webhook doctor
    CMC_TIME_ZONE=UTC python -m cmc_webhook doctor --project P --database cmc
    """
    connection = connected(where)
    deployment = _deployment(connection, last)
    click.echo(_REFUSED_POSTS)
    if not any(deployment.settings.credentials.values()):
        click.echo(_NO_CREDENTIAL)
    click.echo(f"\nChecked {len(deployment.latest):,} mails and the settings.")
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


def _deployment(connection: Connection, last: int) -> Deployment:
    statuses = MailStatuses(connection.client, connection.collection)
    return Deployment(
        environ=os.environ,
        settings=settings_here(),
        real=connection.real,
        now=datetime.now(UTC),
        latest=statuses.last_received(last),
        oldest=statuses.first_received(),
        quarantined=Quarantine(connection.client, connection.collection).count(),
        received_quarantined=Quarantine(connection.client, connection.inbound_collection).count(),
        missing_indexes=statuses.missing_indexes(),
    )
