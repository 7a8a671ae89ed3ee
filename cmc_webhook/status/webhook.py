"""Stores the posts of CMC's event webhook: from the body to documents and quarantine."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from datetime import UTC, datetime

from cmc_webhook.answers import Receipt
from cmc_webhook.database import Budget
from cmc_webhook.dead_letters import MOST_BYTES, DeadLetters
from cmc_webhook.errors import MalformedEnvelope, StoreUnavailable
from cmc_webhook.fields import Fields, read_fields
from cmc_webhook.logs import LogEntry, Throttle, log
from cmc_webhook.redaction import Redactor
from cmc_webhook.settings import StatusSettings
from cmc_webhook.status.diagnosis import Diagnosis, diagnose
from cmc_webhook.status.envelope import read_envelope, wrap
from cmc_webhook.status.events import Status, StatusEvent, read_events
from cmc_webhook.status.pending import Pending, by_address, by_mail
from cmc_webhook.status.quarantine import quarantined_body, quarantined_record
from cmc_webhook.status.store import Saved, StatusStore

_CLOCK_SKEW_S = 300
_NOT_TAKEN = (Status.DEFERRED, Status.FAILED, Status.BOUNCED)


class StatusWebhook:
    """Stores the posts of CMC's event webhook in *store*. Thread-safe."""

    # 100 records, the most that CMC documents, have half a megabyte at their longest.
    largest_body = 8 * 1024 * 1024
    largest_unknown_body = 2 * 1024 * 1024
    # CMC's own timeout is not documented.
    budget_s = 7.0

    def __init__(self, settings: StatusSettings, store: StatusStore, redactor: Redactor) -> None:
        self._zone = settings.time_zone
        self._collection = settings.collection
        self._address_collection = settings.address_collection if settings.addresses else ""
        self._store = store
        self._redactor = redactor
        self._dead_letters = DeadLetters(redactor, enabled=settings.log_unstored)
        self._throttle = Throttle()

    def keep(self, body: bytes, budget: Budget, entry: LogEntry) -> Receipt:
        """Store every record, in a document or in quarantine, before *budget* is spent.

        Raises MalformedEnvelope once a body that is not an event is in quarantine,
        StoreUnavailable if anything could not be stored.
        """
        received_at = datetime.now(UTC)
        try:
            receipt = self._keep_records(read_fields(body), received_at, budget, entry)
        except MalformedEnvelope:
            self._keep_body(body, received_at, budget)
            raise
        self._watch_clock(receipt.lag_s)
        return receipt

    def _keep_records(
        self, fields: Fields, received_at: datetime, budget: Budget, entry: LogEntry
    ) -> Receipt:
        envelope = read_envelope(fields.values)
        events, unreadable = read_events(envelope, self._zone, received_at, is_utf8=fields.is_utf8)
        mails = self._store.named(self._collection, by_mail(events))
        addresses = {}
        if self._address_collection:
            addresses = self._store.named(self._address_collection, by_address(events))
        documents, saved = {**addresses, **mails}, Saved()
        try:
            self._store.save(documents, received_at, budget, saved)
            refused, beside = saved.refusals(mails), saved.refusals(addresses)
            # Of a record whose documents are both refused, the last entry stands.
            if to_keep := [*beside, *unreadable, *refused]:
                entries = [quarantined_record(u, envelope, self._redactor) for u in to_keep]
                self._store.quarantine(entries, received_at, budget)
        except StoreUnavailable:
            done = saved.stored | saved.unchanged
            left = [
                e.record
                for name, each in documents.items()
                if name not in done
                for e in each.events
            ]
            left += [u.record for u in unreadable]
            # A record is in the document of its mail and in that of its address.
            left = [*{id(record): record for record in left}.values()]
            self._dead_letters.log_envelopes(wrap(left, envelope, MOST_BYTES))
            raise
        finally:
            stored = _events(mails, saved.stored)
            entry.sender_auth = _sender_auth(stored) or None
        return Receipt(
            stored=len(stored),
            unchanged=len(_events(mails, saved.unchanged)),
            lag_s=(received_at - max(e.at for e in events)).total_seconds() if events else None,
            quarantined=len(unreadable) + len(refused),
            why=Counter(u.why.value for u in to_keep) if to_keep else None,
        )

    def _keep_body(self, body: bytes, received_at: datetime, budget: Budget) -> None:
        try:
            entry = quarantined_body(body, self._redactor)
            self._store.quarantine([entry], received_at, budget)
        except StoreUnavailable:
            self._dead_letters.log_body(body)
            raise

    def _watch_clock(self, lag_s: float | None) -> None:
        if lag_s is None or lag_s >= -_CLOCK_SKEW_S:
            return
        if posts := self._throttle.admit("future"):
            message = (
                f"Events lie in the future: CMC_TIME_ZONE is {self._zone.key}; it must be the time"
                " zone chosen for the webhook in CMC."
            )
            log(LogEntry(severity="WARNING", message=message, posts=posts))


def _events(mails: Mapping[str, Pending], names: Container[str]) -> list[StatusEvent]:
    return [event for name, each in mails.items() if name in names for event in each.events]


def _sender_auth(events: Iterable[StatusEvent]) -> int:
    """Return how many of *events* say that the sender failed authentication."""
    return sum(
        diagnose(event.bounce_code, event.reason, event.description.get("to_domain", ""))
        is Diagnosis.SENDER_AUTH
        for event in events
        if event.status in _NOT_TAKEN
    )
