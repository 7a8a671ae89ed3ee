"""`rebuild`: documents of mails computed from their own history, those of addresses from mails."""

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from zoneinfo import ZoneInfo

import click
from google.api_core.exceptions import GoogleAPIError
from grpc import StatusCode

from cmc_webhook.batches import Write
from cmc_webhook.command_line.addresses_of_mails import (
    AddressesOfMails,
    Page,
    Result,
    id_of,
    pages_of,
    patience,
)
from cmc_webhook.database import Budget, Database, Held
from cmc_webhook.errors import StoreUnavailable
from cmc_webhook.reading import table
from cmc_webhook.reading.cli import confirm, progress_bar
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.language import text
from cmc_webhook.reading.opened import Connection, connected
from cmc_webhook.reading.queries import count
from cmc_webhook.reading.rebuilding import Left, rebuilt
from cmc_webhook.status import addresses, document
from cmc_webhook.writer import TRANSIENT, Writer, attempts

_LOST = (StatusCode.FAILED_PRECONDITION, StatusCode.NOT_FOUND, StatusCode.ALREADY_EXISTS)
# Somebody has to look at these, so their ids are printed.
_NAMED = (Left.UNREADABLE, Left.LOST_RACE, Left.REFUSED)


def rebuild(
    where: FirestoreOptions,
    of_addresses: bool,
    zone: ZoneInfo | None,
    store: bool,
    after: str | None,
    yes: bool,
) -> None:
    """Compute documents of mails from their own history, those of addresses from mails."""
    if of_addresses and zone:
        raise click.UsageError(text("usage.zone_of_addresses"))
    connection = connected(where)
    stored = (connection.addresses if of_addresses else connection.statuses).collection
    by_id = stored.order_by("__name__")
    number = count(by_id.start_after({"__name__": after}) if after else by_id)
    if store and connection.real and not yes:
        place = {"collection": stored.id, "project": connection.client.project}
        confirm(text("question.rebuild", count=f"{number:,}", **place))
    database = connection.database()
    run = _Run(database, store, after)
    try:
        if of_addresses:
            _rebuild_addresses(connection, database, run, number)
        else:
            pages = pages_of(stored.select(document.FIELDS), after)
            run.finish(pages, number, document.FIELDS, partial(_each_mail, zone))
    except (KeyboardInterrupt, GoogleAPIError, StoreUnavailable) as error:
        if run.after:
            click.echo(text("progress.incomplete", position=f"'{run.after}'"), err=True)
        if isinstance(error, StoreUnavailable):
            raise click.ClickException(str(error)) from error
        raise
    finally:
        for line in run.report():
            click.echo(line)
    if run.left.keys() - {Left.NO_EVENT}:
        sys.exit(1)


class _Run:
    """One pass over documents, done up to *after*; *left* has the ids of those left, by reason."""

    def __init__(self, database: Database, store: bool, after: str | None) -> None:
        self._database = database
        self._writer = Writer(database, None)
        self.store = store
        self.after = after
        self.left: defaultdict[Left, list[str]] = defaultdict(list)
        self._read = 0
        self._changed = 0
        self._fields: Counter[str] = Counter()

    def finish(
        self,
        pages: Iterable[Page],
        number: int,
        fields: Iterable[str],
        compute: Callable[[Page], dict[str, Result]],
    ) -> None:
        """Compute *pages*, write what changes. Raises GoogleAPIError or StoreUnavailable."""
        with progress_bar(length=number) as progress:
            for page in pages:
                results = self._do(page, tuple(fields), compute)
                for name in page:
                    self._note(id_of(name), results[name])
                self.after = id_of(name)
                progress.update(len(page))

    def report(self) -> Iterator[str]:
        done = "rebuilt.changed" if self.store else "rebuilt.would_change"
        yield text(done, read=f"{self._read:,}", changed=f"{self._changed:,}")
        for name, number in self._fields.most_common():
            yield f"{number:>10,}  {name}"
        for why, ids in sorted(self.left.items()):
            yield text("rebuilt.left", count=f"{len(ids):,}", why=text(f"left.{why}"))
            if why in _NAMED:
                yield from (f"  {table.printable(document_id)}" for document_id in ids)
        if self._changed and not self.store:
            yield text("rebuilt.nothing_written")

    def _do(
        self, page: Page, fields: tuple[str, ...], compute: Callable[[Page], dict[str, Result]]
    ) -> dict[str, Result]:
        """Return the result of each document of *page*, once what changes is written."""
        results: dict[str, Result] = {}
        lost: Counter[str] = Counter()
        budget = patience()
        for _ in attempts(budget):
            results |= compute(page)
            again = self._write(page, results, lost, budget) if self.store else []
            if not again:
                return results
            page = self._database.read(again, fields, budget)
        raise StoreUnavailable(text("rebuilt.not_stored", count=f"{len(page):,}"))

    def _write(
        self, page: Page, results: dict[str, Result], lost: Counter[str], budget: Budget
    ) -> list[str]:
        writes = {}
        for name, held in page.items():
            changed = results[name]
            if changed and not isinstance(changed, Left):
                writes[name] = Write(name, changed, held.update_time if held else None)
        again = []
        for name, written in self._writer.write(writes, budget).items():
            lost[name] += written.code in _LOST
            if written.code is StatusCode.INVALID_ARGUMENT:
                results[name] = Left.REFUSED
            elif lost[name] > 1:
                results[name] = Left.LOST_RACE
            elif written.code in TRANSIENT or written.code in _LOST:
                again.append(name)
            elif written.code is not StatusCode.OK:
                raise StoreUnavailable(text("rebuilt.answered", code=written.code.name))
        return again

    def _note(self, document_id: str, result: Result) -> None:
        self._read += 1
        if isinstance(result, Left):
            self.left[result].append(document_id)
        elif result:
            self._changed += 1
            self._fields.update(result.keys())


def _each_mail(zone: ZoneInfo | None, page: Page) -> dict[str, Result]:
    return {name: _mail(held, zone) for name, held in page.items()}


def _mail(held: Held | None, zone: ZoneInfo | None) -> Result:
    if held is None:
        return {}
    result = rebuilt(held.fields, zone)
    return result if isinstance(result, Left) else document.changes(held.fields, result)


def _rebuild_addresses(connection: Connection, database: Database, run: _Run, number: int) -> None:
    """Rebuild every address that has a document or a bounce in a mail."""
    mails, stored = connection.statuses.collection, connection.addresses.collection
    computed = AddressesOfMails(database, connection)
    for page in pages_of(mails.select(document.FIELDS), None):
        computed.scan(page)
    known = computed.noted(pages_of(stored.select(addresses.FIELDS), run.after))
    run.finish(chain(known, computed.others()), number, addresses.FIELDS, computed.compute)
    if run.store:
        # The function may have written an address before its mail, just when these were read.
        run.finish(computed.doubtful(), 0, addresses.FIELDS, computed.compute)
