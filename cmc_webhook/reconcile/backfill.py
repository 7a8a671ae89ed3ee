"""Folds rows of CMC's REST API into the documents, by the law by which posts are."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
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
        known = dict(_readable(held))
        for name, fields in known.items():
            self.measured.compare(mails[name].events, fields)
        saved = Saved()
        if self.stores:
            if shift := self.measured.shift():
                zone = self._settings.time_zone.key
                raise RestError(text("reconcile.zone", shift=f"{shift:+g}", zone=zone))
            # Of an address every row counts, also where the mail has it.
            addresses = by_address(events) if self._settings.addresses else {}
            documents = self._store.named(self._settings.address_collection, addresses) | mails
            self._store.save(documents, now, patience(), saved)
            left = [*unreadable, *saved.refusals(documents)]
            redactor = Redactor(self._settings)
            entries = [quarantined_record(each, envelope, redactor) for each in left]
            self._store.quarantine(entries, now, patience())
        # Only now: what was refused or failed is not told as stored.
        for name, fields in known.items():
            if name not in saved.refused:
                self._count(mails[name], fields)

    def _count(self, pending: Pending, known: Mapping[str, Any]) -> None:
        before = {event["id"] for event in known.get("events", [])}
        new = {event["id"] for event in pending.fold(known)["events"]} - before
        for event in pending.events:
            hour = event.status.value, event.at.astimezone(document.JAPAN).hour
            self.found[hour] += 1
            self.lacked[hour] += event.id in new
            new.discard(event.id)  # CMC may list a row twice


def _readable(held: Mapping[str, Held | None]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, each in held.items():
        with suppress(document.UnreadableDocumentError):
            yield name, document.valid(each.fields if each else {})
