"""The Firestore client: two RPCs, each with a time limit, without retries.

The `Client` of google-cloud-firestore has no deadline that holds (its `timeout=` starts over with
every retry), and after an outage it may wait two minutes before it reconnects. Its generated client
takes a quarter of a millisecond for each call. So a channel of our own is called directly, with the
library's messages.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import google.auth
import grpc
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.api_core.grpc_helpers import wrap_errors
from google.auth.exceptions import DefaultCredentialsError
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    BatchGetDocumentsResponse,
    BatchWriteResponse,
)

from cmc_webhook.codec import decode_fields
from cmc_webhook.settings import SettingsError

# The project that google.cloud.firestore.Client uses on an emulator when none is named.
_EMULATOR_PROJECT = "google-cloud-firestore-emulator"
_BatchGetRequest = BatchGetDocumentsRequest.pb()
_CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)
_SERVICE = "/google.firestore.v1.Firestore"
_LONGEST_RPC_S = 3.0
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Budget:
    """The deadline of a post, *seconds* from now, and its RPCs, each of *longest_rpc_s* at most."""

    def __init__(self, seconds: float, longest_rpc_s: float | None = None) -> None:
        self._deadline = time.monotonic() + seconds
        self._longest_rpc_s = longest_rpc_s
        self.rpcs: Counter[str] = Counter()

    def left(self) -> float:
        """Return the seconds left; negative after the deadline."""
        return self._deadline - time.monotonic()

    def spend(self, rpc: str) -> float:
        """Count one *rpc* and return its timeout in seconds."""
        self.rpcs[rpc] += 1
        return max(0.0, min(self.left(), self._longest_rpc_s or _LONGEST_RPC_S))


class Held(NamedTuple):
    """A stored document; *update_time* is its last write in nanoseconds since 1970."""

    fields: dict[str, Any]
    update_time: int


class Written(NamedTuple):
    """The result of one write; *update_time* is set if the code is OK."""

    code: grpc.StatusCode
    update_time: int = 0


class Database:
    """One Firestore database. Thread-safe.

    Sends nothing before the first call, because gunicorn forks after the import.
    ``read`` and ``write`` raise google.api_core's GoogleAPICallError.
    """

    def __init__(
        self, channel: grpc.Channel, project: str, database: str, *, token: str = ""
    ) -> None:
        self.project = project
        self.database = database
        self.name = f"projects/{project}/databases/{database}"
        self._batch_get = wrap_errors(
            channel.unary_stream(
                f"{_SERVICE}/BatchGetDocuments",
                request_serializer=_BatchGetRequest.SerializeToString,
                response_deserializer=BatchGetDocumentsResponse.pb().FromString,
            )
        )
        self._batch_write = wrap_errors(
            channel.unary_unary(
                f"{_SERVICE}/BatchWrite",
                response_deserializer=BatchWriteResponse.pb().FromString,
            )
        )
        # Firestore routes by these headers.
        self._metadata = [
            ("google-cloud-resource-prefix", self.name),
            to_grpc_metadata({"database": self.name}),
        ]
        if token:
            self._metadata.append(("authorization", f"Bearer {token}"))

    def document(self, collection: str, document_id: str) -> str:
        """Return the resource name of a document."""
        return f"{self.name}/documents/{collection}/{document_id}"

    def read(
        self, names: Iterable[str], mask: Iterable[str], budget: Budget
    ) -> dict[str, Held | None]:
        """Return the fields in *mask* of each named document; None if it does not exist."""
        request = _BatchGetRequest(database=self.name, documents=names)
        request.mask.field_paths.extend(mask)
        timeout = budget.spend("BatchGetDocuments")
        held: dict[str, Held | None] = {}
        for answer in self._batch_get(request, timeout=timeout, metadata=self._metadata):
            if answer.missing:
                held[answer.missing] = None
            else:
                found = answer.found
                held[found.name] = Held(decode_fields(found.fields), nanoseconds(found.update_time))
        return held

    def write(self, request: bytes, budget: Budget) -> list[Written]:
        """Apply each write of a serialized BatchWriteRequest; return the result of each."""
        timeout = budget.spend("BatchWrite")
        answer = self._batch_write(request, timeout=timeout, metadata=self._metadata)
        return [
            Written(_CODES[status.code], nanoseconds(result.update_time))
            for status, result in zip(answer.status, answer.write_results, strict=True)
        ]


def nanoseconds(timestamp: Any) -> int:
    """Return the time of a Timestamp message in nanoseconds since 1970."""
    # An int: the Timestamp message would keep the whole response alive.
    return int(timestamp.seconds * 1_000_000_000 + timestamp.nanos)


def connect(environ: Mapping[str, str], database: str) -> Database:
    """Return *database* in the project or emulator that *environ* names. Raises SettingsError."""
    named = environ.get("GOOGLE_CLOUD_PROJECT") or environ.get("GCLOUD_PROJECT")
    if emulator := environ.get("FIRESTORE_EMULATOR_HOST"):
        channel = grpc.insecure_channel(emulator, options=_CHANNEL_OPTIONS)
        # The token with which Google's emulator allows everything.
        return Database(channel, named or _EMULATOR_PROJECT, database, token="owner")
    try:
        credentials, found = google.auth.default()
    except DefaultCredentialsError as error:
        raise SettingsError(
            "There are no Google credentials: set FIRESTORE_EMULATOR_HOST to use a local"
            " Firestore, or run 'gcloud auth application-default login' to use a real one."
        ) from error
    project = named or found
    if not project:
        raise SettingsError("GOOGLE_CLOUD_PROJECT is not set: set it to the project's id.")
    channel = FirestoreGrpcTransport.create_channel(
        credentials=credentials, options=_CHANNEL_OPTIONS
    )
    return Database(channel, project, database)
