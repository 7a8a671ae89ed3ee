"""From the fields of an accepted body to documents and quarantine. No HTTP in it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from cmc_webhook.auth import Credentials
from cmc_webhook.envelope import Envelope, read_envelope
from cmc_webhook.errors import MalformedEnvelope, StoreUnavailable
from cmc_webhook.events import RawRecord, StatusEvent, UnreadableRecord, read_events
from cmc_webhook.logs import log
from cmc_webhook.quarantine import quarantined_body, quarantined_record
from cmc_webhook.receipt import Receipt
from cmc_webhook.rpc import Budget
from cmc_webhook.settings import StatusSettings
from cmc_webhook.status import document_id
from cmc_webhook.store import Saved, StatusStore
from cmc_webhook.unstored import unstored_body, unstored_envelopes


class Intake:
    """Keeps posts in *store*. Thread-safe."""

    def __init__(
        self, settings: StatusSettings, credentials: Credentials, store: StatusStore
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._store = store

    def keep(self, body: bytes, fields: Mapping[str, list[Any]], budget: Budget) -> Receipt:
        """
        Keep every record, stored or in quarantine, before *budget* is spent.

        Raise MalformedEnvelope once a body that is no event is in quarantine;
        StoreUnavailable if anything could not be kept.
        """
        received_at = datetime.now(UTC)
        try:
            return self._keep_records(read_envelope(fields), received_at, budget)
        except MalformedEnvelope:
            self._keep_body(body, received_at, budget)
            raise

    def _keep_records(self, envelope: Envelope, received_at: datetime, budget: Budget) -> Receipt:
        events, unreadable = read_events(envelope, self._settings.time_zone)
        documents = _by_document(events, envelope.server_composition)
        saved = Saved()
        try:
            self._store.save(documents, received_at, budget, saved)
            for place, why in saved.refused.items():
                unreadable += [UnreadableRecord(event.record, why) for event in documents[place]]
            kept = [
                quarantined_record(entry.record, entry.why, envelope, self._credentials)
                for entry in unreadable
            ]
            self._store.quarantine(kept, received_at, budget)
        except StoreUnavailable:
            if self._settings.log_unstored:
                unsaved = [i for i in documents if i not in saved]
                left = [event.record for i in unsaved for event in documents[i]]
                left += [entry.record for entry in unreadable]
                self._log_unstored(left, envelope)
            raise
        return Receipt(
            stored=sum(len(documents[place]) for place in saved.stored),
            unchanged=sum(len(documents[place]) for place in saved.unchanged),
            lag_s=min(((received_at - e.at).total_seconds() for e in events), default=None),
            quarantined=Counter(entry.why for entry in unreadable),
        )

    def _keep_body(self, body: bytes, received_at: datetime, budget: Budget) -> None:
        try:
            entry = quarantined_body(body, self._credentials)
            self._store.quarantine([entry], received_at, budget)
        except StoreUnavailable:
            if self._settings.log_unstored:
                log("ERROR", "Not stored.", body=unstored_body(body, self._credentials))
            raise

    def _log_unstored(self, records: Iterable[RawRecord], envelope: Envelope) -> None:
        for text in unstored_envelopes(records, envelope, self._credentials):
            log("ERROR", "Not stored: post the envelope again.", envelope=text)


def _by_document(
    events: Iterable[StatusEvent], server_composition: str
) -> dict[str, list[StatusEvent]]:
    documents: dict[str, list[StatusEvent]] = {}
    for event in events:
        place = document_id(server_composition, event.message_id, event.to)
        documents.setdefault(place, []).append(event)
    return documents
