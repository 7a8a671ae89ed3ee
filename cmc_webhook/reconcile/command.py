"""`reconcile`: what CMC never delivered, as totals, and brought from its REST API."""

import os
import sys
import time
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any
from urllib.parse import quote

import click

from cmc_webhook.errors import StoreUnavailable
from cmc_webhook.reading.cli import confirm
from cmc_webhook.reading.connection import FirestoreOptions, settings_here
from cmc_webhook.reading.counts import MailCounts
from cmc_webhook.reading.language import text
from cmc_webhook.reading.opened import connected
from cmc_webhook.reconcile import report, rest, totals
from cmc_webhook.reconcile.backfill import Backfill
from cmc_webhook.reconcile.listings import ROWS
from cmc_webhook.reconcile.memory import Memory
from cmc_webhook.settings import RestSettings, rest_from_env
from cmc_webhook.status.document import day_in_japan

# Totals look back nine days, and what has expired would look lost.
_SHORTEST_RETENTION = timedelta(days=11)
# The statuses of a day's rows, first those that say why a mail did not arrive.
_STATUSES = ("failed", "deferred", "succeeded", "queued")


def reconcile(
    where: FirestoreOptions,
    bounces: bool,
    since: datetime | None,
    day: datetime | None,
    most: int,
    store: bool,
    yes: bool,
) -> None:
    """Compare totals, or read bounces or the rows of a day, and store them if told to."""
    if (bounces and day) or (since and not bounces) or (store and not (bounces or day)):
        raise click.UsageError(text("usage.reconcile"))
    settings, here = rest_from_env(os.environ), settings_here(where.database)
    if here.retention and here.retention < _SHORTEST_RETENTION:
        raise click.UsageError(text("usage.retention", days=_SHORTEST_RETENTION.days))
    connection = connected(where)
    database = connection.database()
    run = Run(settings, Memory(database, here.collection), datetime.now(UTC))
    first, one = (at and at.astimezone(here.time_zone).date() for at in (since, day))
    try:
        if bounces or one:
            run.read(Backfill(database, here, store), first, one, most, yes)
        elif run.totals(MailCounts(connection.statuses)):
            sys.exit(1)
    except (rest.RestError, StoreUnavailable) as error:
        raise click.ClickException(str(error)) from error


class Run:
    """One run at the time *now*. Each request is booked in *memory* before it is sent.

    The methods raise RestError, StoreUnavailable and Google's errors.
    """

    def __init__(self, settings: RestSettings, memory: Memory, now: datetime) -> None:
        self._settings = settings
        self._memory = memory
        self._now, self._began_s = now, time.monotonic()
        self._today = day_in_japan(now)

    def totals(self, counts: MailCounts) -> bool:
        """Show CMC's figures beside ours, and return whether mails are missing."""
        most, month = self._settings.daily_requests, totals.month_to_ask(self._today)
        is_missing = False
        for name in self._settings.compositions:
            # First, as it may fail for a missing index, and the request would be spent.
            here = totals.ours(counts, name, totals.settled(self._today))
            page = self._ask(most, "statistics", name, year=month.year, month=month.month)
            before = self._memory.read(_id(name))
            found = totals.judged(page.rows, here, self._today, before.fields if before else {})
            # Judged once, also if the outcome of the write is unknown: what counts is the last run.
            kept = {part: found[part] for part in ("figures", "judged")}
            self._memory.change(_id(name), partial(lambda fields, _: fields, kept))
            click.echo("\n".join(report.totals(name, here, found)))
            is_missing |= any(each["missing"] for each in found["judged"].values())
        return is_missing

    def read(
        self, backfill: Backfill, since: date | None, day: date | None, most: int, yes: bool
    ) -> None:
        """Take the deliveries of *day*, else the bounces from *since* or all that CMC keeps."""
        if day:
            kind, first, last = "deliveries", day, day
            listings = [{"date": str(day), "status": status} for status in _STATUSES]
        else:
            first = since or self._today - timedelta(days=totals.DAYS_KEPT)
            kind, last = "bounces", self._today - timedelta(days=1)
            listings = [{"start_date": str(first), "end_date": str(last)}]
        expected = self._pages(kind, first, last)
        click.echo(text("reconcile.ask", most=most, expected=expected), err=True)
        if not yes:
            confirm(text("question.reconcile"))
        try:
            for name, asked in product(self._settings.compositions, listings):
                ask = partial(self._ask, most, kind, name, **asked)
                for rows in backfill.measured.pages(ask):
                    for start in range(0, len(rows), ROWS):  # a page may have more
                        backfill.take(name, kind, rows[start : start + ROWS], self._now)
        finally:
            click.echo("\n".join(report.brought(kind, backfill, expected)))

    def _pages(self, kind: str, first: date, last: date) -> str:
        """Return how many pages these days have by CMC's figures, as far as totals told them."""
        held = filter(None, (self._memory.read(_id(name)) for name in self._settings.compositions))
        days = (item for each in held for item in each.fields.get("figures", {}).items())
        known = [each for day, each in days if str(first) <= day <= str(last)]
        if not known:
            return text("reconcile.unknown")
        if kind == "bounces":
            return f"{sum(each['failed'] for each in known) // ROWS + 1:,}"
        # A mail that is queued has a result, so it has at least two rows.
        return f"{2 * sum(each['queued'] for each in known) // ROWS + len(_STATUSES):,}"

    def _ask(self, most: int, resource: str, name: str, **asked: Any) -> rest.Page:
        # Not the day on which the run began: that of the request counts.
        elapsed = timedelta(seconds=time.monotonic() - self._began_s)
        self._memory.book(str(day_in_japan(self._now + elapsed)), resource, most)
        return rest.ask(self._settings, resource, name, **asked)


def _id(composition: str) -> str:
    """Return the id of the document of *composition*, which may have any character."""
    return f"composition-{quote(composition, safe='')}"
