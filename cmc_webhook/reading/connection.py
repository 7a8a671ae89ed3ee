"""Which Firestore the page and the commands read: the local one, unless a project is named."""

import os
import socket
from dataclasses import dataclass

from cmc_webhook.reading.language import text
from cmc_webhook.settings import CREDENTIALS, StatusSettings, from_env, inbound_collection

_LOCAL = "127.0.0.1:8081"
_LOCAL_PROJECT = "demo-cmc-webhook"
EMULATOR = "FIRESTORE_EMULATOR_HOST"
_NO_CREDENTIAL_REQUIRED = {"CMC_ALLOW_UNAUTHENTICATED": "true"}


@dataclass(frozen=True, slots=True)
class FirestoreOptions:
    """The options ``--project`` and ``--database``; without a project it is the local one."""

    project: str
    database: str
    quiet: bool = False

    @property
    def emulator(self) -> str:
        """The address of the local Firestore, empty for a real one."""
        return "" if self.project else os.environ.get(EMULATOR) or _LOCAL

    def describe(self) -> str:
        """Return two lines that name the Firestore and the collections. Raises SettingsError."""
        settings = settings_here(self.database)
        return text(
            "place.local" if self.emulator else "place.google",
            emulator=self.emulator,
            project=self.named_project,
            database=settings.database,
            collection=settings.collection,
            inbound=inbound_collection(os.environ),
        )

    @property
    def named_project(self) -> str:
        """The project, for the local one that of the environment."""
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


def is_reachable(address: str) -> bool:
    """Return whether something listens on *address* (host:port)."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except (OSError, ValueError):
        return False
    return True
