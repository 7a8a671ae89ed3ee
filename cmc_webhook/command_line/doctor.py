"""`doctor`: what is wrong with a deployment, and what to do."""

import os
import sys
from datetime import UTC, datetime

import click

from cmc_webhook.command_line.findings import Evidence, bounces_alone, findings
from cmc_webhook.command_line.rendering import labelled
from cmc_webhook.reading.connection import Connection, FirestoreOptions, settings_here
from cmc_webhook.reading.options import connected, firestore_options
from cmc_webhook.reading.quarantine import Quarantine
from cmc_webhook.reading.statuses import MailStatuses

_INDENT = 4
_UNSEEN = """\
Not to be seen from here: a post that was refused leaves no trace in Firestore.
Google's log of the last day has it:
  LOGS='resource.type="cloud_run_revision"'
  LOGS="$LOGS AND resource.labels.service_name=cmc-webhook"
  gcloud logging read "$LOGS AND httpRequest.status=403" --limit=20
  gcloud logging read "$LOGS AND httpRequest.status=401" --limit=20
  gcloud logging read "$LOGS AND httpRequest.status=400" --limit=20
  gcloud logging read "$LOGS AND jsonPayload.error=store_unavailable" --limit=20
  gcloud logging read "$LOGS AND severity>=ERROR" --limit=20"""
_NO_CREDENTIAL = """\
Nor are the credentials: none is set in this environment. Run this with the
settings of the function (CMC_API_KEYS, CMC_BASIC_CREDENTIALS, ...) to have them
looked at too."""


@click.command()
@click.option("--last", default=200, type=click.IntRange(1, 1000), show_default=True, help="Mails.")
@firestore_options
def doctor(where: FirestoreOptions, last: int) -> None:
    """
    Say what is wrong with a deployment, and what to do.

    It says first what it cannot see, then looks at settings, documents and
    quarantine. The settings are those of the environment, so give it the
    function's. Exit status 1 if it finds something.

    \b
    python -m cmc_webhook doctor
    CMC_TIME_ZONE=UTC python -m cmc_webhook doctor --project P --database cmc
    """
    connection = connected(where)
    evidence = _evidence(connection, last)
    click.echo(_UNSEEN)
    if not any(evidence.settings.credentials.values()):
        click.echo(_NO_CREDENTIAL)
    click.echo(f"\nLooked at {len(evidence.latest):,} mails and the settings.")
    click.echo(bounces_alone(evidence.latest))
    found = findings(evidence)
    for number, finding in enumerate(found, 1):
        click.echo()
        for line in (
            *labelled(f"{number}.", finding.seen, _INDENT),
            *labelled("", finding.remedy, _INDENT),
        ):
            click.echo(line)
    if found:
        sys.exit(1)
    click.echo("Nothing wrong was found.")


def _evidence(connection: Connection, last: int) -> Evidence:
    statuses = MailStatuses(connection.client, connection.collection)
    return Evidence(
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
