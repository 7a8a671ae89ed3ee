"""Folds rows of CMC's REST API into the documents, by the law by which posts are."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cmc_webhook.database import Database, Held
from cmc_webhook.reading.language import text
from cmc_webhook.reconcile.listings import Measured
from cmc_webhook.reconcile.memory import patience
from cmc_webhook.redaction import Redactor
from cmc_webhook.settings import REST_KEY, REST_USER, RestSettings, StatusSettings
from cmc_webhook.status import document
from cmc_webhook.status.document import JAPAN
from cmc_webhook.status.envelope import Envelope
from cmc_webhook.status.events import REST, read_events
from cmc_webhook.status.pending import Pending, by_address, by_mail
from cmc_webhook.status.quarantine import quarantined_record
from cmc_webhook.status.store import Saved, StatusStore


class ZoneError(Exception):
    """The times of the rows are those of another zone; the text names the setting."""


class Backfill:
    """Compares rows with the documents, and if it *stores*, folds them in."""

    def __init__(
        self, database: Database, settings: StatusSettings, rest: RestSettings, stores: bool
    ) -> None:
        self._database = database
        self._settings = settings
        self._store = StatusStore(database, settings.collection, retention=settings.retention)
        secrets = {REST_USER: (rest.user,), REST_KEY: (rest.key,)}
        self._redactor = Redactor(replace(settings, credentials=secrets))
        self.stores = stores
        self.unreadable = 0
        # Rows by status and hour in Japan, and those of them that the documents lack.
        self.found: Counter[tuple[str, int]] = Counter()
        self.lacked: Counter[tuple[str, int]] = Counter()
        self.measured = Measured()

    def take(self, composition: str, kind: str, rows: list[Any], now: datetime) -> None:
        """
        Compare *rows* of the list *kind*, count them in *found*, and store them if told to.

        Raises ZoneError before anything is stored, StoreUnavailable and Google's errors.
        """
        envelope = Envelope(event={kind: rows}, server_composition=composition)
        events, unreadable = read_events(envelope, self._settings.time_zone, now)
        events = [event._replace(source=REST) for event in events]
        self.unreadable += len(unreadable)
        mails = self._store.named(self._settings.collection, by_mail(events))
        held = self._database.read(mails, document.FIELDS, patience()) if mails else {}
        for name, pending in mails.items():
            self._count(pending, held[name])
        if self.stores:
            self._require_zone()
            addresses = by_address(events) if self._settings.addresses else {}
            documents = {
                **self._store.named(self._settings.address_collection, addresses),
                **mails,
            }
            saved = Saved()
            self._store.save(documents, now, patience(), saved)
            left = [*unreadable, *saved.refusals(documents)]
            entries = [quarantined_record(each, envelope, self._redactor) for each in left]
            self._store.quarantine(entries, now, patience())

    def _count(self, pending: Pending, held: Held | None) -> None:
        try:
            known = document.valid(held.fields if held else {})
        except document.UnreadableDocumentError:
            known = {}
        self.measured.compare(pending.events, known)
        before = {event["id"] for event in known.get("events", [])}
        new = {event["id"] for event in pending.fold(known)["events"]} - before
        for event in pending.events:
            hour = event.status.value, event.at.astimezone(JAPAN).hour
            self.found[hour] += 1
            self.lacked[hour] += event.id in new

    def _require_zone(self) -> None:
        if shift := self.measured.shift():
            zone = self._settings.time_zone.key
            raise ZoneError(text("reconcile.zone", shift=hours(shift), zone=zone))


def hours(shift: timedelta) -> str:
    """Return a difference of time as +9:00."""
    minutes = round(shift.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60}:{abs(minutes) % 60:02}"
