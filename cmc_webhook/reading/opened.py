"""The open Firestore with its collections."""

import os
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import click
from google.auth.exceptions import DefaultCredentialsError
from google.cloud import firestore

from cmc_webhook.database import Database
from cmc_webhook.reading.connection import (
    EMULATOR,
    FirestoreOptions,
    is_reachable,
    settings_here,
)
from cmc_webhook.reading.language import text
from cmc_webhook.reading.mail_addresses import MailAddresses
from cmc_webhook.reading.quarantine import Quarantine
from cmc_webhook.reading.received import ReceivedMails
from cmc_webhook.reading.statuses import MailStatuses
from cmc_webhook.settings import inbound_collection


@dataclass(frozen=True)
class Connection:
    """An open Firestore with its collections; *real* is true if a project was named."""

    client: firestore.Client
    statuses: MailStatuses
    addresses: MailAddresses
    received: ReceivedMails
    quarantine: Quarantine  # of the status function
    received_quarantine: Quarantine  # of received mail; its contents are in the bucket
    zone: ZoneInfo  # CMC_TIME_ZONE
    real: bool

    def database(self) -> Database:
        """Return the same database for writes under conditions, as the functions make them."""
        client = self.client
        token = "owner" if client._emulator_host else ""
        channel = client._firestore_api.transport.grpc_channel
        return Database(channel, client.project, client._database, token=token)


def connected(where: FirestoreOptions, *, check: bool = True) -> Connection:
    """Open the Firestore and name it on stderr; *check* a local one. Raises SettingsError."""
    if not where.quiet:
        click.echo(where.describe(), err=True)
    if check and where.emulator and not is_reachable(where.emulator):
        raise click.ClickException(text("place.no_answer", emulator=where.emulator))
    return opened(where)


def opened(where: FirestoreOptions) -> Connection:
    """Open it. Raises SettingsError, and ClickException without Google credentials."""
    settings = settings_here(where.database)
    # The client follows this variable, whichever project it is given.
    if where.emulator:
        os.environ[EMULATOR] = where.emulator
    else:
        os.environ.pop(EMULATOR, None)
    client = _client(where.named_project, settings.database)
    inbound = inbound_collection(os.environ)
    return Connection(
        client,
        MailStatuses(client, settings.collection),
        MailAddresses(client, settings.address_collection),
        ReceivedMails(client, inbound),
        Quarantine(client, settings.collection),
        Quarantine(client, inbound),
        settings.time_zone,
        real=bool(where.project),
    )


def _client(project: str, database: str) -> firestore.Client:
    try:
        return firestore.Client(project=project, database=database)
    except DefaultCredentialsError as error:
        raise click.ClickException(text("place.no_credentials")) from error
