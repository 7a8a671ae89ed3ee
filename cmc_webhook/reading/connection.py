"""Which Firestore the page and the commands read: the local one, unless a project is named."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from cmc_webhook.reading.language import text
from cmc_webhook.settings import CREDENTIALS, StatusSettings, from_env, inbound_collection

if TYPE_CHECKING:
    from google.cloud import firestore

    from cmc_webhook.database import Database

_LOCAL = "127.0.0.1:8081"
_LOCAL_PROJECT = "demo-cmc-webhook"
_EMULATOR = "FIRESTORE_EMULATOR_HOST"
_NO_CREDENTIAL_REQUIRED = {"CMC_ALLOW_UNAUTHENTICATED": "true"}


@dataclass(frozen=True, slots=True)
class Connection:
    """An open Firestore with its collections; *real* is true if a project was named."""

    client: firestore.Client
    collection: str
    address_collection: str
    inbound_collection: str
    zone: ZoneInfo  # CMC_TIME_ZONE
    real: bool

    def database(self) -> Database:
        """Return the same database for writes under conditions, as the functions make them."""
        from cmc_webhook.database import Database

        client = self.client
        token = "owner" if client._emulator_host else ""
        channel = client._firestore_api.transport.grpc_channel
        return Database(channel, client.project, client._database, token=token)


@dataclass(frozen=True, slots=True)
class FirestoreOptions:
    """The options ``--project`` and ``--database``; without a project it is the local one."""

    project: str
    database: str
    quiet: bool = False

    @property
    def emulator(self) -> str:
        """The address of the local Firestore, empty for a real one."""
        return "" if self.project else os.environ.get(_EMULATOR) or _LOCAL

    def describe(self) -> str:
        """Return two lines that name the Firestore and the collections. Raises SettingsError."""
        settings = settings_here(self.database)
        return text(
            "place.local" if self.emulator else "place.google",
            emulator=self.emulator,
            project=self._named_project(),
            database=settings.database,
            collection=settings.collection,
            inbound=inbound_collection(os.environ),
        )

    def open(self) -> Connection:
        """Open it. Raises SettingsError, and ClickException without Google credentials."""
        settings = settings_here(self.database)
        # The client follows this variable, whichever project it is given.
        if self.emulator:
            os.environ[_EMULATOR] = self.emulator
        else:
            os.environ.pop(_EMULATOR, None)
        return Connection(
            _client(self._named_project(), settings.database),
            settings.collection,
            settings.address_collection,
            inbound_collection(os.environ),
            settings.time_zone,
            real=bool(self.project),
        )

    def _named_project(self) -> str:
        return self.project or os.environ.get("GOOGLE_CLOUD_PROJECT") or _LOCAL_PROJECT


def settings_here(database: str = "") -> StatusSettings:
    """Return the settings without credentials, which no reader needs. Raises SettingsError."""
    # Wrong ones do not stop it either.
    environ = {name: value for name, value in os.environ.items() if name not in CREDENTIALS}
    named = {"CMC_DATABASE": database} if database else {}
    return from_env(environ | named | _NO_CREDENTIAL_REQUIRED)


def settings_with_credentials() -> StatusSettings:
    """Return the settings of this environment; no credential is required. Raises SettingsError."""
    return from_env(os.environ | _NO_CREDENTIAL_REQUIRED)


def _client(project: str, database: str) -> firestore.Client:
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud import firestore

    try:
        return firestore.Client(project=project, database=database)
    except DefaultCredentialsError as error:
        raise click.ClickException(text("place.no_credentials")) from error


def is_reachable(address: str) -> bool:
    """Return whether something listens on *address* (host:port)."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except (OSError, ValueError):
        return False
    return True
