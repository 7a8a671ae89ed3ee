"""Sends writes with retries until the deadline; reports documents that Firestore rejects."""

import itertools
import random
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from grpc import StatusCode

from cmc_webhook.batches import Write, requests
from cmc_webhook.database import Budget, Database, Written
from cmc_webhook.errors import DocumentRefused, StoreMisconfigured, StoreUnavailable

TRANSIENT = {
    StatusCode.UNAVAILABLE,
    StatusCode.ABORTED,
    StatusCode.DEADLINE_EXCEEDED,
    StatusCode.INTERNAL,
    StatusCode.RESOURCE_EXHAUSTED,
    StatusCode.UNKNOWN,
    StatusCode.CANCELLED,
}
# Codes of a call that a wrong deployment causes, and what to do.
_DEPLOYMENT = {
    StatusCode.PERMISSION_DENIED: "grant the function's service account roles/datastore.user",
    StatusCode.UNAUTHENTICATED: "give the function a service account that exists",
    StatusCode.NOT_FOUND: "create the database, or name an existing one in CMC_DATABASE",
    StatusCode.FAILED_PRECONDITION: "the database must be in Native mode: name one in CMC_DATABASE",
}


class Writer:
    """Writes to one database. Thread-safe. Documents expire after *retention*; None: never."""

    def __init__(self, database: Database, retention: timedelta | None) -> None:
        self._database = database
        self._retention = retention

    def create(
        self,
        collection: str,
        documents: Mapping[str, Mapping[str, Any]],
        received_at: datetime,
        budget: Budget,
    ) -> set[str]:
        """Create each document, fields by id, that does not exist; return the ids created.

        Adds ``received_at`` and ``expires_at``. Raises DocumentRefused if Firestore
        rejects one as invalid, StoreUnavailable if *budget* runs out.
        """
        about = {"received_at": received_at, **self.expiry(received_at)}
        pending = {
            document_id: Write(
                self._database.document(collection, document_id), {**fields, **about}, None
            )
            for document_id, fields in documents.items()
        }
        made = set()
        for _ in attempts(budget):
            for document_id, written in self.write(pending, budget).items():
                if written.code is StatusCode.OK:
                    made.add(document_id)
                if written.code in (StatusCode.OK, StatusCode.ALREADY_EXISTS):
                    del pending[document_id]
                elif written.code is StatusCode.INVALID_ARGUMENT:
                    raise DocumentRefused(f"Firestore refused a document of {collection}.")
                elif written.code not in TRANSIENT:
                    raise StoreUnavailable(f"Firestore answered {written.code.name} to a write.")
            if not pending:
                return made
        raise StoreUnavailable(f"{len(pending)} documents of {collection} not stored in time")

    def write(self, writes: Mapping[str, Write], budget: Budget) -> dict[str, Written]:
        """Return the result of each write; raises StoreUnavailable if retries cannot help."""
        outcomes: dict[str, Written] = {}
        waiting = [writes]
        while waiting:
            for ids, request in requests(self._database.name, waiting.pop()):
                try:
                    results = self._database.write(request, budget)
                except GoogleAPICallError as error:
                    if error.grpc_status_code is not StatusCode.INVALID_ARGUMENT:
                        self.raise_unless_transient(error)
                    elif len(ids) > 1:
                        # Nothing was applied: halve the batch to find the rejected write.
                        middle = len(ids) // 2
                        halves = ids[:middle], ids[middle:]
                        waiting += [{i: writes[i] for i in half} for half in halves]
                        continue
                    results = [Written(error.grpc_status_code)] * len(ids)
                outcomes.update(zip(ids, results, strict=True))
        return outcomes

    def expiry(self, written_at: datetime) -> dict[str, datetime | None]:
        """Return the TTL field; None, which deletes it, if retention is off."""
        return {"expires_at": written_at + self._retention if self._retention else None}

    def raise_unless_transient(self, error: GoogleAPICallError) -> None:
        """Raise StoreUnavailable unless a retry of the call that raised *error* may succeed."""
        code = error.grpc_status_code
        if code and code in _DEPLOYMENT:
            place = f"project {self._database.project}, database {self._database.database}"
            raise StoreMisconfigured(
                f"Firestore answered {code.name} for {place}: {_DEPLOYMENT[code]}."
            ) from error
        if code not in TRANSIENT:
            name = code.name if code else type(error).__name__
            raise StoreUnavailable(f"Firestore answered {name}.") from error


def attempts(budget: Budget) -> Iterator[int]:
    """Count attempts until *budget* is spent, with jitter, so that competing writers spread."""
    for attempt in itertools.count():
        yield attempt
        pause = random.uniform(0, min(0.02 * 2 ** min(attempt, 5), 0.5))
        if budget.left() <= pause:
            return
        time.sleep(pause)
