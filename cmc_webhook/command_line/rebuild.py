"""`rebuild`: documents computed again from their own history."""

import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zoneinfo import ZoneInfo

import click
from google.api_core.exceptions import (
    Aborted,
    FailedPrecondition,
    GoogleAPIError,
    InvalidArgument,
    NotFound,
)
from google.cloud.firestore import DELETE_FIELD, Client, DocumentReference, DocumentSnapshot, Query

from cmc_webhook.reading import table
from cmc_webhook.reading.cli import confirm
from cmc_webhook.reading.connection import FirestoreOptions
from cmc_webhook.reading.language import text
from cmc_webhook.reading.options import connected
from cmc_webhook.reading.queries import PATIENCE, count
from cmc_webhook.reading.rebuilding import Left, LeftError, rebuilt
from cmc_webhook.status.document import changes

_Snapshot = DocumentSnapshot[DocumentReference]

_PAGE = 300
_WRITERS = 16
# Somebody has to look at these, so their ids are printed.
_NAMED = (Left.UNREADABLE, Left.LOST_RACE, Left.REFUSED)


def rebuild(
    where: FirestoreOptions, zone: ZoneInfo | None, store: bool, after: str | None, yes: bool
) -> None:
    """Compute documents again from their own history."""
    connection = connected(where)
    run = _Run(connection.client, connection.collection, zone, store, after)
    if store and connection.real and not yes:
        place = {"collection": connection.collection, "project": connection.client.project}
        confirm(text("question.rebuild", count=f"{run.total:,}", **place))
    try:
        run.finish()
    except (KeyboardInterrupt, GoogleAPIError):
        if run.after:
            click.echo(text("progress.incomplete", position=f"'{run.after}'"), err=True)
        raise
    finally:
        for line in run.report():
            click.echo(line)
    if run.left.keys() - {Left.NO_EVENT}:
        sys.exit(1)


class _Run:
    """
    One pass over the documents of a collection, in the order of their ids.

    All documents up to *after* are done. *left* has the ids of those that stay as they
    are, by reason.
    """

    def __init__(
        self, client: Client, collection: str, zone: ZoneInfo | None, store: bool, after: str | None
    ) -> None:
        self._client = client
        self._query = client.collection(collection).order_by("__name__")
        self._zone = zone
        self._store = store
        self.after = after
        self.total = count(self._rest())
        self.left: defaultdict[Left, list[str]] = defaultdict(list)
        self._read = 0
        self._changed = 0
        self._fields: Counter[str] = Counter()

    def finish(self) -> None:
        """Do all documents that are not done. Raises GoogleAPIError."""
        hidden = not sys.stderr.isatty()
        bar = click.progressbar(length=self.total, file=sys.stderr, hidden=hidden)
        with bar as progress, ThreadPoolExecutor(_WRITERS) as pool:
            for page in self._pages():
                for snapshot, result in zip(page, pool.map(self._do, page), strict=True):
                    self._note(snapshot.id, result)
                self.after = page[-1].id
                progress.update(len(page))

    def report(self) -> Iterator[str]:
        """Yield what was done, in lines."""
        done = "rebuilt.changed" if self._store else "rebuilt.would_change"
        yield text(done, read=f"{self._read:,}", changed=f"{self._changed:,}")
        for name, number in self._fields.most_common():
            yield f"{number:>10,}  {name}"
        for why, ids in sorted(self.left.items()):
            yield text("rebuilt.left", count=f"{len(ids):,}", why=text(f"left.{why}"))
            if why in _NAMED:
                yield from (f"  {table.printable(document_id)}" for document_id in ids)
        if self._changed and not self._store:
            yield text("rebuilt.nothing_written")

    def _rest(self) -> Query:
        return self._query.start_after({"__name__": self.after}) if self.after else self._query

    def _pages(self) -> Iterator[list[_Snapshot]]:
        while page := list(self._rest().limit(_PAGE).stream(**PATIENCE)):
            yield page

    def _do(self, snapshot: _Snapshot) -> Collection[str] | Left:
        """Rebuild a document; return the names of its changed fields, or why it is left."""
        for _ in range(2):
            held = snapshot.to_dict() or {}
            try:
                changed = changes(held, rebuilt(held, self._zone))
                if changed and self._store:
                    self._write(snapshot, changed)
                return changed.keys()
            except LeftError as error:
                return error.why
            except InvalidArgument:
                return Left.REFUSED
            except (FailedPrecondition, Aborted, NotFound):
                snapshot = snapshot.reference.get(**PATIENCE)
            if not snapshot.exists:
                return ()
        return Left.LOST_RACE

    def _write(self, snapshot: _Snapshot, changed: dict[str, Any]) -> None:
        """Write *changed* if nobody has written the document since it was read."""
        fields = {n: DELETE_FIELD if value is None else value for n, value in changed.items()}
        unwritten = self._client.write_option(last_update_time=snapshot.update_time)
        snapshot.reference.update(fields, option=unwritten, **PATIENCE)

    def _note(self, document_id: str, result: Collection[str] | Left) -> None:
        self._read += 1
        if isinstance(result, Left):
            self.left[result].append(document_id)
        elif result:
            self._changed += 1
            self._fields.update(result)
