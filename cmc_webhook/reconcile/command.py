"""`reconcile`: what CMC never delivered, as totals, and brought from its REST API."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
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
from cmc_webhook.reading.options import connected
from cmc_webhook.reading.statuses import MailStatuses
from cmc_webhook.reconcile import report, rest, totals
from cmc_webhook.reconcile.backfill import Backfill, ZoneError
from cmc_webhook.reconcile.listings import ROWS
from cmc_webhook.reconcile.memory import Memory, SpentError
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
    requests: int,
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
    backfill = Backfill(database, here, settings, store)
    first, one = (at and at.astimezone(here.time_zone).date() for at in (since, day))
    try:
        if bounces:
            run.bounces(first, requests, backfill, yes)
        elif one:
            run.rows(one, requests, backfill, yes)
        else:
            run.totals(MailCounts(MailStatuses(connection.client, here.collection)))
    except (rest.RestError, StoreUnavailable, ZoneError) as error:
        raise click.ClickException(str(error)) from error
    except SpentError as error:
        raise click.ClickException(text("reconcile.spent")) from error
    if run.found_missing:
        sys.exit(1)


class Run:
    """
    One run at the time *now*. Each request is booked in *memory* before it is sent.

    All methods raise RestError, SpentError, StoreUnavailable and Google's errors.
    """

    def __init__(self, settings: RestSettings, memory: Memory, now: datetime) -> None:
        self._settings = settings
        self._memory = memory
        self._now = now
        self._today = day_in_japan(now)
        self.found_missing = False

    def totals(self, counts: MailCounts) -> None:
        """Print CMC's figures of the settled days beside ours, and what the differences mean."""
        most, month = self._settings.daily_requests, totals.month_to_ask(self._today)
        asked = {"year": month.year, "month": month.month}
        for name in self._settings.compositions:
            page = self._ask(most, "statistics", name, **asked)
            here = totals.ours(counts, name, totals.settled(self._today))
            judge = partial(totals.judged, page.rows, here, self._today)
            found = self._memory.change(_id(name), judge)
            self.found_missing |= totals.MISSING in found["verdicts"].values()
            _print(report.totals(name, here, found))

    def bounces(self, since: date | None, most: int, backfill: Backfill, yes: bool) -> None:
        """Read the bounces from *since*, by default all that CMC keeps, to yesterday."""
        first = since or self._today - timedelta(days=totals.DAYS_KEPT)
        until = self._today - timedelta(days=1)
        days = {"start_date": str(first), "end_date": str(until)}
        expected = self._pages("failed", first, until)
        self._read("bounces", [days], most, expected, backfill, yes)

    def rows(self, day: date, most: int, backfill: Backfill, yes: bool) -> None:
        """Read the deliveries of *day* by status, as far as the requests go."""
        asked = [{"date": str(day), "status": status} for status in _STATUSES]
        # A mail that is queued has a result, so it has at least two rows.
        expected = self._pages("queued", day, day, 2, len(asked))
        self._read("deliveries", asked, most, expected, backfill, yes)
        click.echo(text("reconcile.whole_day", expected=expected))

    def _read(
        self,
        kind: str,
        listings: Iterable[Mapping[str, str]],
        most: int,
        expected: str,
        backfill: Backfill,
        yes: bool,
    ) -> None:
        numbers = {"most": f"{most:,}", "expected": expected}
        if yes:
            click.echo(text("reconcile.requests", **numbers), err=True)
        else:
            confirm(text("question.reconcile", **numbers))
        try:
            for name, asked in product(self._settings.compositions, listings):
                ask = partial(self._ask, most, kind, name, **asked)
                for rows in backfill.measured.pages(ask):
                    backfill.take(name, kind, rows, self._now)
        finally:
            _print(report.brought(kind, backfill))

    def _pages(
        self, figure: str, first: date, until: date, rows_each: int = 1, least: int = 1
    ) -> str:
        """Return how many pages CMC's *figure* of these days makes, as far as totals told it."""
        held = [self._memory.read(_id(name)) for name in self._settings.compositions]
        figures = [item for each in held for item in each.get("figures", {}).items()]
        known = [each[figure] for day, each in figures if str(first) <= day <= str(until)]
        return f"{rows_each * sum(known) // ROWS + least:,}" if known else text("reconcile.unknown")

    def _ask(self, most: int, resource: str, name: str, **asked: Any) -> rest.Page:
        self._memory.book(str(self._today), resource, most)
        return rest.ask(self._settings, resource, name, **asked)


def _id(composition: str) -> str:
    """Return the id of the document of *composition*, which may have any character."""
    return f"composition-{quote(composition, safe='')}"


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        click.echo(line)
