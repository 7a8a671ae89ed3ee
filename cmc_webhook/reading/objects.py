"""What a received mail has in Cloud Storage: its attachments, and bodies too long for Firestore."""

import os
import re
import tempfile
from contextlib import ExitStack
from typing import IO, cast

from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Client
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY
from requests import RequestException

_IN_MEMORY = 1_048_576
_TIMEOUT_S = 10


class NoStorageError(Exception):
    """This is a local page, and nothing says where the local Cloud Storage is."""


class MissingObjectError(Exception):
    """The object is not, or no more, where the document says; or the document says no place."""


class StorageError(Exception):
    """Cloud Storage does not answer or refuses; the text says which."""


class Objects:
    """The objects that documents name. Thread-safe."""

    def __init__(self, client: Client | None) -> None:
        self._client = client

    def download(self, folder: str, stored_at: str) -> IO[bytes]:
        """
        Return the object at *stored_at* as an open file at its end; past 1 MiB it is on the disk.

        It must be in *folder*: what belongs to a mail is in that of its document's id. Raise
        NoStorageError, MissingObjectError or StorageError.
        """
        if self._client is None:
            raise NoStorageError
        # As cmc_inbound names them: whatever else a document may say, nothing else is read.
        place = re.fullmatch(r"gs://([a-z0-9][a-z0-9._-]{1,221})/([^/]+)/([0-9a-f]{64})", stored_at)
        if place is None or place[2] != folder:
            raise MissingObjectError
        blob = self._client.bucket(place[1]).blob(f"{folder}/{place[3]}")
        with ExitStack() as opened:
            file = opened.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY))
            try:
                blob.download_to_file(
                    file, timeout=_TIMEOUT_S, retry=DEFAULT_RETRY.with_timeout(_TIMEOUT_S)
                )
            except NotFound as error:
                raise MissingObjectError from error
            except (GoogleAPIError, GoogleAuthError, RequestException, DataCorruption) as error:
                raise StorageError(type(error).__name__) from error
            opened.pop_all()
        return cast(IO[bytes], file)


def objects(project: str, *, local: bool) -> Objects:
    """Return the objects of *project*; of Google's storage only if Firestore is not *local*."""
    if local and not os.environ.get("STORAGE_EMULATOR_HOST"):
        return Objects(None)
    return Objects(Client(project=project))
