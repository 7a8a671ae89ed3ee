"""Sends writes until they are done, and tells what Firestore refuses: for every collection."""

import itertools
import random
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from grpc import StatusCode

from cmc_webhook.errors import DocumentRefused, StoreMisconfigured, StoreUnavailable
from cmc_webhook.rpc import Budget, Database, Written
from cmc_webhook.writes import Write, requests

TRANSIENT = {
    StatusCode.UNAVAILABLE,
    StatusCode.ABORTED,
    StatusCode.DEADLINE_EXCEEDED,
    StatusCode.INTERNAL,
    StatusCode.RESOURCE_EXHAUSTED,
    StatusCode.UNKNOWN,
    StatusCode.CANCELLED,
}
# A call that Firestore refuses because of the deployment, and what to do.
_DEPLOYMENT = {
    StatusCode.PERMISSION_DENIED: "grant the function's service account roles/datastore.user",
    StatusCode.UNAUTHENTICATED: "give the function a service account that exists",
    StatusCode.NOT_FOUND: "create the database, or name an existing one in CMC_DATABASE",
    StatusCode.FAILED_PRECONDITION: "the database must be in Native mode: name one in CMC_DATABASE",
}


class Writer:
    """The writes of one database, whose documents live as long as *retention*. Thread-safe."""

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
        """
        Make each document, fields by id, that is not there yet; return the ids of those made.

        ``received_at`` and ``expires_at`` are added. Raise DocumentRefused if Firestore
        takes one for invalid, StoreUnavailable if *budget* runs out first.
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
        """Return what became of each write."""
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
                        # Nothing of the call was applied: find the write that it refuses.
                        middle = len(ids) // 2
                        halves = ids[:middle], ids[middle:]
                        waiting += [{i: writes[i] for i in half} for half in halves]
                        continue
                    results = [Written(error.grpc_status_code)] * len(ids)
                outcomes.update(zip(ids, results, strict=True))
        return outcomes

    def expiry(self, written_at: datetime) -> dict[str, datetime]:
        """Return the field that tells Firestore when to delete a document, if it ever shall."""
        return {"expires_at": written_at + self._retention} if self._retention else {}

    def raise_unless_transient(self, error: GoogleAPICallError) -> None:
        """Raise StoreUnavailable if to repeat the call that raised *error* would not help."""
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
    """Count until *budget* is spent, pausing at random between, so that rivals come apart."""
    for attempt in itertools.count():
        yield attempt
        pause = random.uniform(0, min(0.02 * 2 ** min(attempt, 5), 0.5))
        if budget.left() <= pause:
            return
        time.sleep(pause)
