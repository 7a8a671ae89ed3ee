"""Uploads objects to Cloud Storage; the only module that uses it."""

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
# For a larger object the client sends two requests: one starts the upload, one uploads.
_LARGEST_SINGLE_REQUEST = 8 * 1024 * 1024
_UPLOADERS = 8


class Bucket:
    """One bucket. Thread-safe. Sends nothing before the first call."""

    def __init__(self, client: Client, name: str) -> None:
        self._bucket = client.bucket(name)
        self.name = name

    def upload(self, objects: Mapping[str, bytes], budget: Budget) -> None:
        """Upload each object, content by name. Raises StoreUnavailable."""
        # An existing object is overwritten: its name is a digest of its content, and a request to
        # look first would cost as much as the upload.
        budget.rpcs["StorageUpload"] += len(objects)
        # In parallel: one by one, the attachments of a large mail would take too long.
        with ThreadPoolExecutor(_UPLOADERS) as pool:
            list(pool.map(self._upload, objects, objects.values(), repeat(budget)))

    def _upload(self, name: str, content: bytes, budget: Budget) -> None:
        requests = 1 if len(content) <= _LARGEST_SINGLE_REQUEST else 2
        left = budget.left() / requests
        if left <= 0:
            raise StoreUnavailable("The attachments could not be stored in time.")
        # Retries stop so early that the last one ends in time. Half of its time may go into
        # connecting.
        longest = min(left / 2, _LONGEST_REQUEST_S)
        try:
            self._bucket.blob(name).upload_from_string(
                content,
                # Never a type that a browser shows or runs: anybody can send a mail.
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
            raise StoreUnavailable(f"Cloud Storage failed: {type(error).__name__}.") from error


def connect_bucket(project: str, name: str) -> Bucket:
    """Return the bucket *name*. Raises SettingsError if there are no Google credentials."""
    try:
        return Bucket(Client(project=project), name)
    except DefaultCredentialsError as error:
        raise SettingsError(
            "There are no Google credentials: set STORAGE_EMULATOR_HOST to use a local bucket,"
            " or run 'gcloud auth application-default login' to use a real one."
        ) from error
