"""Cloud Storage: the only module that knows it."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud.storage import Client
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY
from requests import RequestException

from cmc_webhook.database import Budget
from cmc_webhook.errors import StoreMisconfigured, StoreUnavailable
from cmc_webhook.settings import SettingsError

_LONGEST_REQUEST_S = 10.0
# What is larger the client announces in a request of its own.
_LARGEST_SINGLE_REQUEST = 8 * 1024 * 1024
_UPLOADERS = 8


class Bucket:
    """One bucket. Thread-safe. Nothing is sent before the first call."""

    def __init__(self, client: Client, name: str) -> None:
        self._bucket = client.bucket(name)
        self.name = name

    def keep(self, objects: Mapping[str, bytes], budget: Budget) -> None:
        """
        Store each object under its name, or raise StoreUnavailable.

        An object that is there is written again: its name says what is in it, and
        to ask first would cost as much.
        """
        budget.rpcs["StorageUpload"] += len(objects)
        # As a mail of many attachments would take longer than there is time, one by one.
        with ThreadPoolExecutor(_UPLOADERS) as pool:
            list(pool.map(self._upload, objects, objects.values(), repeat(budget)))

    def _upload(self, name: str, content: bytes, budget: Budget) -> None:
        requests = 1 if len(content) <= _LARGEST_SINGLE_REQUEST else 2
        left = budget.left() / requests
        if left <= 0:
            raise StoreUnavailable("The attachments could not be stored in time.")
        # The last try begins so early that it ends in time: half of it may go to connect.
        longest = min(left / 2, _LONGEST_REQUEST_S)
        try:
            self._bucket.blob(name).upload_from_string(
                content,
                # Never a type that a browser would show or run: anybody can send a mail.
                content_type="application/octet-stream",
                timeout=(longest / 2, longest / 2),
                retry=DEFAULT_RETRY.with_timeout(left - longest),
            )
        except (Forbidden, NotFound) as error:
            raise StoreMisconfigured(
                f"Cloud Storage answered {error.code} for bucket {self.name}: it must exist,"
                " as CMC_ATTACHMENT_BUCKET names it, and the function's service account needs"
                " roles/storage.objectUser on it."
            ) from error
        except (GoogleAPIError, GoogleAuthError, RequestException, DataCorruption) as error:
            kind = type(error).__name__
            raise StoreUnavailable(f"Cloud Storage failed: {kind}.") from error


def connect_bucket(project: str, name: str) -> Bucket:
    """Return the bucket *name*; raise SettingsError where there are no Google credentials."""
    try:
        return Bucket(Client(project=project), name)
    except DefaultCredentialsError as error:
        raise SettingsError(
            "There are no Google credentials: set STORAGE_EMULATOR_HOST to use a local bucket,"
            " or run 'gcloud auth application-default login' to use a real one."
        ) from error
