"""Folds rows of CMC's REST API into the documents, by the law by which posts are."""

from collections import Counter
from datetime import datetime
from typing import Any

from cmc_webhook.database import Database, Held
from cmc_webhook.reading.language import text
from cmc_webhook.reconcile.listings import Measured
from cmc_webhook.reconcile.memory import patience
from cmc_webhook.reconcile.rest import RestError
from cmc_webhook.redaction import Redactor
from cmc_webhook.settings import StatusSettings
from cmc_webhook.status import document
from cmc_webhook.status.envelope import Envelope
from cmc_webhook.status.events import REST, read_events
from cmc_webhook.status.pending import Pending, by_address, by_mail
from cmc_webhook.status.quarantine import quarantined_record
from cmc_webhook.status.store import Saved, StatusStore


class Backfill:
    """Compares rows with the documents, and if it *stores*, folds them in.

    *found* and *lacked* have the number of rows, and of those that were missing, by status
    and hour in Japan.
    """

    def __init__(self, database: Database, settings: StatusSettings, stores: bool) -> None:
        self._database = database
        self._settings = settings
        self._store = StatusStore(database, settings.collection, retention=settings.retention)
        self.stores = stores
        self.unreadable = 0
        self.found: Counter[tuple[str, int]] = Counter()
        self.lacked: Counter[tuple[str, int]] = Counter()
        self.measured = Measured()

    def take(self, composition: str, kind: str, rows: list[Any], now: datetime) -> None:
        """Take *rows* of the list *kind*.

        Raises RestError if their times are of another zone: then none of them is stored.
        Raises StoreUnavailable and Google's errors.
        """
        envelope = Envelope(event={kind: rows}, server_composition=composition)
        events, unreadable = read_events(envelope, self._settings.time_zone, now)
        events = [event._replace(source=REST) for event in events]
        self.unreadable += len(unreadable)
        mails = self._store.named(self._settings.collection, by_mail(events))
        held = self._database.read(mails, document.FIELDS, patience()) if mails else {}
        for name, pending in mails.items():
            self._count(pending, held[name])
        if not self.stores:
            return
        if shift := self.measured.shift():
            zone = self._settings.time_zone.key
            raise RestError(text("reconcile.zone", shift=f"{shift:+g}", zone=zone))
        # Of an address every row counts, also where the mail has it.
        addresses = by_address(events) if self._settings.addresses else {}
        documents = self._store.named(self._settings.address_collection, addresses) | mails
        saved = Saved()
        self._store.save(documents, now, patience(), saved)
        left = [*unreadable, *saved.refusals(documents)]
        redactor = Redactor(self._settings)
        entries = [quarantined_record(each, envelope, redactor) for each in left]
        self._store.quarantine(entries, now, patience())

    def _count(self, pending: Pending, held: Held | None) -> None:
        try:
            known = document.valid(held.fields if held else {})
        except document.UnreadableDocumentError:
            return
        self.measured.compare(pending.events, known)
        before = {event["id"] for event in known.get("events", [])}
        new = {event["id"] for event in pending.fold(known)["events"]} - before
        for event in pending.events:
            hour = event.status.value, event.at.astimezone(document.JAPAN).hour
            self.found[hour] += 1
            self.lacked[hour] += event.id in new
