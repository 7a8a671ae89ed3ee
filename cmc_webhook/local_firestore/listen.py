"""
Listen: streams that send every commit that concerns their targets.

A client that reconnects with a resume token is told to reset and gets everything again; it
compares, and reports only changes to its user.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import TypeAlias

from google.api_core.exceptions import InvalidArgument, ResourceExhausted, ServiceUnavailable

from cmc_webhook.local_firestore import queries
from cmc_webhook.local_firestore.errors import Refusal, status
from cmc_webhook.local_firestore.indexes import IndexCheck
from cmc_webhook.local_firestore.messages import ListenResponse, Message, TargetChange, timestamp
from cmc_webhook.local_firestore.resource_names import (
    DocumentName,
    check_database,
    database_of,
    parse_document_of,
)
from cmc_webhook.local_firestore.storage import Commit, Storage
from cmc_webhook.local_firestore.transactions import Read


@dataclass(slots=True, kw_only=True)
class ListenTarget:
    """One target; its methods yield the messages for the client, also which *names* are missing."""

    # *read* and *matches* find the candidates, all or one; *window* applies the limit to them.
    id: int
    read: Read
    matches: Callable[[DocumentName, Message], bool]
    window: Callable[[Iterable[Message]], Iterable[Message]] = iter
    mask: queries.Mask = None
    names: frozenset[str] = frozenset()
    _started_us: int = 0
    _candidates: dict[str, Message] = field(default_factory=dict)
    _sent: dict[str, Message] = field(default_factory=dict)

    def start(self, documents: Iterable[Message], time_us: int) -> Iterator[Message]:
        """Send *documents*, the result of the target's read at that time."""
        self._started_us = time_us
        self._candidates = {document.name: document for document in documents}
        for name in sorted(self.names - self._candidates.keys()):
            yield self._absence("delete", name, time_us)
        yield from self._send_differences(time_us, set())

    def update(self, commit: Commit) -> Iterator[Message]:
        """Send the changes of *commit*, unless the start has included them."""
        if commit.time_us <= self._started_us:
            return
        affected = False
        for name, document in commit.documents.items():
            if document is not None and self.matches(name, document):
                self._candidates[document.name] = document
                affected = True
            else:
                affected |= self._candidates.pop(str(name), None) is not None
        if affected:
            deleted = {str(name) for name, stored in commit.documents.items() if stored is None}
            yield from self._send_differences(commit.time_us, deleted)

    def _send_differences(self, time_us: int, deleted: set[str]) -> Iterator[Message]:
        selected = {each.name: each for each in self.window(self._candidates.values())}
        for name in self._sent.keys() - selected.keys():
            yield self._absence("delete" if name in deleted else "remove", name, time_us)
        for name, document in selected.items():
            if self._sent.get(name) is not document:
                projected = queries.project(document, self.mask)
                yield ListenResponse(
                    document_change={"document": projected, "target_ids": [self.id]}
                )
        self._sent = selected

    def _absence(self, kind: str, name: str, time_us: int) -> Message:
        """Return a document_delete, or a document_remove: it no longer matches."""
        read_time = timestamp(time_us)
        absence = {"document": name, "removed_target_ids": [self.id], "read_time": read_time}
        return ListenResponse(**{f"document_{kind}": absence})


def parse_target(
    database: str, target: Message, check: Callable[[queries.Query], None]
) -> ListenTarget:
    """Parse *target* in *database*, or raise a Refusal, as *check* may of a query."""
    kind = target.WhichOneof("target_type")
    if kind == "documents":
        names = [parse_document_of(database, name) for name in target.documents.documents]
        wanted = frozenset(names)
        return ListenTarget(
            id=target.target_id,
            read=lambda reader: reader.get_all(names),
            matches=lambda name, document: name in wanted,
            names=frozenset(map(str, names)),
        )
    if kind != "query":
        raise InvalidArgument("A target has neither documents nor a query.")
    if database_of(target.query.parent) != database:
        raise InvalidArgument(f'"{target.query.parent}" is not in {database}.')
    query = queries.parse_query(target.query.parent, target.query.structured_query)
    check(query)
    unlimited = replace(query, offset=0, limit=None)
    return ListenTarget(
        id=target.target_id,
        read=lambda reader: reader.select(unlimited),
        matches=lambda name, document: (
            query.scope.contains(name) and bool(queries.evaluate(unlimited, [document])[0])
        ),
        window=iter
        if query == unlimited
        else lambda documents: queries.evaluate(query, documents)[0],
        mask=query.mask,
    )


_Type = TargetChange.TargetChangeType
# Each takes a thread of the server.
MOST_LISTENERS = 256

# None: the client has disconnected.
Event: TypeAlias = Message | Commit | Refusal | None


class Listener:
    """One stream. Any thread may add events; the thread of responses() handles them."""

    def __init__(self, storage: Storage, index_check: IndexCheck) -> None:
        self._storage = storage
        self._index_check = index_check
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._targets: dict[int, ListenTarget] = {}

    def add(self, event: Event) -> None:
        """Add a request of the client, a commit, or the reason to end."""
        self._events.put(event)

    def responses(self) -> Iterator[Message]:
        """Yield responses until the client disconnects; raise a Refusal that was added."""
        while (event := self._events.get()) is not None:
            if isinstance(event, Refusal):
                raise event
            if not isinstance(event, Commit):
                yield from self._handle(event)
                continue
            messages = [m for target in self._targets.values() for m in target.update(event)]
            yield from messages
            if messages:
                yield _target_change(_Type.NO_CHANGE, None, event.time_us)

    def _handle(self, request: Message) -> Iterator[Message]:
        check_database(request.database)
        if request.WhichOneof("target_change") == "remove_target":
            if self._targets.pop(request.remove_target, None):
                yield _target_change(_Type.REMOVE, request.remove_target)
        else:
            try:
                yield from self._add_target(request.database, request.add_target)
            except Refusal as refusal:
                response = _target_change(_Type.REMOVE, request.add_target.target_id)
                response.target_change.cause.CopyFrom(status(refusal))
                yield response

    def _add_target(self, database: str, requested: Message) -> Iterator[Message]:
        target_id = requested.target_id
        if not target_id or target_id in self._targets:
            raise InvalidArgument("A target needs an id of its own.")
        target = parse_target(database, requested, self._index_check.check)
        self._targets[target_id] = target
        with self._storage.reading() as latest:
            documents, time_us = target.read(latest).documents, latest.time_us
        yield _target_change(_Type.ADD, target_id)
        # Also without a token: an earlier stream may have ended before it sent one.
        yield _target_change(_Type.RESET, target_id)
        yield from target.start(documents, time_us)
        yield _target_change(_Type.CURRENT, target_id, time_us)
        yield _target_change(_Type.NO_CHANGE, None, time_us)


class Listeners:
    """All streams, each of which is told of every commit."""

    def __init__(self, storage: Storage, index_check: IndexCheck) -> None:
        self._storage = storage
        self._index_check = index_check
        self._open: set[Listener] = set()
        storage.subscribe(self._add)

    @contextmanager
    def open(self) -> Iterator[Listener]:
        """Open a stream for the block; raise ResourceExhausted if there are too many."""
        if len(self._open) >= MOST_LISTENERS:
            raise ResourceExhausted(
                f"This server has {MOST_LISTENERS} open listeners and takes no more."
            )
        listener = Listener(self._storage, self._index_check)
        self._open.add(listener)
        try:
            yield listener
        finally:
            self._open.remove(listener)

    def stop(self) -> None:
        """End all streams; their clients try to reconnect."""
        self._add(ServiceUnavailable("The server is stopping."))

    def _add(self, event: Event) -> None:
        for listener in list(self._open):
            listener.add(event)


def _target_change(kind: int, target_id: int | None, time_us: int | None = None) -> Message:
    """Return a change of one target; or, as of *time_us*, that all are consistent."""
    response = ListenResponse()
    change = response.target_change
    change.target_change_type = kind
    if target_id is not None:
        change.target_ids.append(target_id)
    if time_us is not None:
        change.read_time.FromMicroseconds(time_us)
        change.resume_token = str(time_us).encode()
    return response
