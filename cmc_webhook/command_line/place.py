"""Which Firestore a command works on: the local one, unless a project is named."""

import functools
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import click
from google.auth.exceptions import DefaultCredentialsError
from google.cloud import firestore

from cmc_webhook.settings import SettingsError, StatusSettings, from_env, inbound_collection

_LOCAL = "127.0.0.1:8081"
_LOCAL_PROJECT = "demo-cmc-webhook"
_EMULATOR = "FIRESTORE_EMULATOR_HOST"


@dataclass(frozen=True, slots=True)
class Place:
    """
    An open Firestore with its collections of status documents and of received mail.

    *real*: a project was named, so nothing is changed without asking.
    """

    client: firestore.Client
    collection: str
    inbound_collection: str
    zone: ZoneInfo
    real: bool


@dataclass(frozen=True, slots=True)
class Where:
    """What the options and the environment say about the place."""

    project: str
    database: str

    def connect(self) -> Place:
        """Open the place and say on stderr which it is; raise if a local one does not answer."""
        if emulator := self.emulator():
            _refuse_silent(emulator)
        return self.open()

    def emulator(self) -> str:
        """Return the address of the local Firestore, nothing for a real one."""
        return "" if self.project else os.environ.get(_EMULATOR) or _LOCAL

    def open(self) -> Place:
        """Open the place, which may not answer yet, and say on stderr which it is."""
        settings = settings_here(self.database)
        # The client goes where the variable says, whatever the project.
        if emulator := self.emulator():
            os.environ[_EMULATOR] = emulator
        else:
            os.environ.pop(_EMULATOR, None)
        received = _received_here()
        project = self.project or os.environ.get("GOOGLE_CLOUD_PROJECT") or _LOCAL_PROJECT
        click.echo(
            f"Firestore {f'on {emulator}' if emulator else 'of Google'}, project {project},"
            f" database {settings.database}\n"
            f"Collections {settings.collection} and {received}",
            err=True,
        )
        client = _client(project, settings.database)
        return Place(
            client,
            settings.collection,
            received,
            settings.time_zone,
            real=bool(self.project),
        )


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options that tell the place, as its argument *where*."""

    @click.option("--project", default="", help="A real project; without it, the local Firestore.")
    @click.option("--database", default="", help="Its database; by default CMC_DATABASE.")
    @functools.wraps(command)
    def with_place(project: str, database: str, **options: Any) -> Any:
        return command(where=Where(project, database), **options)

    return with_place


def settings_here(database: str = "") -> StatusSettings:
    """
    Return the settings of this environment, with another *database* if one is named.

    They need no credential: nobody posts to a command.
    """
    given = {"CMC_ALLOW_UNAUTHENTICATED": "true"} | ({"CMC_DATABASE": database} if database else {})
    try:
        return from_env({**os.environ, **given})
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


def _received_here() -> str:
    try:
        return inbound_collection(os.environ)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


def _client(project: str, database: str) -> firestore.Client:
    try:
        return firestore.Client(project=project, database=database)
    except DefaultCredentialsError as error:
        raise click.ClickException(
            "There are no Google credentials: run 'gcloud auth application-default login'."
        ) from error


def answers(address: str) -> bool:
    """Whether something listens on *address*."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except (OSError, ValueError):
        return False
    return True


def _refuse_silent(address: str) -> None:
    if not answers(address):
        raise click.ClickException(
            f"No Firestore answers on {address}: start it with 'python -m cmc_webhook.devserver',"
            " or name a real project with --project."
        )
