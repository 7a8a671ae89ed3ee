"""Objects in Cloud Storage: attachments, and text that is too long for Firestore."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any, cast

from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Blob, Client
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY
from requests import RequestException

_IN_MEMORY = 1_048_576
_PATIENCE: Any = {"timeout": 10, "retry": DEFAULT_RETRY.with_timeout(10)}  # seconds
_FAILURES = (GoogleAPIError, GoogleAuthError, RequestException, DataCorruption)
# The folder of what the function for received mail could not read.
QUARANTINE_FOLDER = "quarantine"


class NoStorageError(Exception):
    """The Firestore is local, and STORAGE_EMULATOR_HOST does not say where its files are."""


class MissingObjectError(Exception):
    """The object does not exist, or the document does not name one of its own folder."""


class StorageError(Exception):
    """Cloud Storage failed or did not answer; the text is the class of the error."""


class Objects:
    """Downloads and deletes the objects that documents name. Thread-safe."""

    def __init__(self, client: Client | None) -> None:
        self._client = client

    def download(self, folder: str, stored_at: str) -> IO[bytes]:
        """Return the object at the URL *stored_at* as a file, positioned at its end.

        Up to 1 MiB is held in memory, more on disk. The object must be in *folder*, which is
        the id of its document. Raises NoStorageError, MissingObjectError, StorageError.
        """
        with self._blob(folder, stored_at) as blob, ExitStack() as opened:
            file = opened.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY))
            blob.download_to_file(file, **_PATIENCE)
            opened.pop_all()
        return cast(IO[bytes], file)

    def delete(self, folder: str, stored_at: str) -> None:
        """Delete the object. Raises as download() does."""
        with self._blob(folder, stored_at) as blob:
            blob.delete(**_PATIENCE)

    @contextmanager
    def _blob(self, folder: str, stored_at: str) -> Iterator[Blob]:
        if self._client is None:
            raise NoStorageError
        # Only names that cmc_inbound gives: a changed document must not open other objects.
        place = re.fullmatch(r"gs://([a-z0-9][a-z0-9._-]{1,221})/([^/]+)/([0-9a-f]{64})", stored_at)
        if place is None or place[2] != folder:
            raise MissingObjectError
        try:
            yield self._client.bucket(place[1]).blob(f"{folder}/{place[3]}")
        except NotFound as error:
            raise MissingObjectError from error
        except _FAILURES as error:
            raise StorageError(type(error).__name__) from error


def objects(project: str, *, local: bool) -> Objects:
    """Return the objects of *project*; with a *local* Firestore never those of Google."""
    if local and not os.environ.get("STORAGE_EMULATOR_HOST"):
        return Objects(None)
    return Objects(Client(project=project))
