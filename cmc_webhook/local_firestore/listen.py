"""
Listen: streams that send every commit that concerns their targets.

A client that reconnects with a resume token is told to reset and gets everything again; it
compares, and reports only changes to its user.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TypeAlias

from google.api_core.exceptions import InvalidArgument, ResourceExhausted, ServiceUnavailable

from cmc_webhook.local_firestore import queries
from cmc_webhook.local_firestore.errors import Refusal, status
from cmc_webhook.local_firestore.messages import ListenResponse, Message, TargetChange, timestamp
from cmc_webhook.local_firestore.resource_names import (
    check_database,
    database_of,
    parse_document,
    parse_document_of,
)
from cmc_webhook.local_firestore.storage import Storage, StorageReader
from cmc_webhook.local_firestore.transactions import Read


@dataclass(slots=True, kw_only=True)
class ListenTarget:
    """One target: *read* finds its documents, of which the client has *sent*, by full name."""

    id: int
    read: Read
    mask: queries.Mask = None
    # The update time of each document; None: the client waits to be told that it is missing.
    sent: dict[str, int | None] = field(default_factory=dict)
    _as_of_us: int = -1

    def update(self, reader: StorageReader) -> Iterator[Message]:
        """Yield what *reader* finds different from what was sent, unless that is newer."""
        if reader.time_us <= self._as_of_us:
            return
        found = {document.name: document for document in self.read(reader).documents()}
        times = {name: each.update_time.ToMicroseconds() for name, each in found.items()}
        for name in self.sent.keys() - found.keys():
            # It is deleted, or no longer matches.
            kind = "delete" if reader.get(parse_document(name)) is None else "remove"
            read_time = timestamp(reader.time_us)
            absence = {"document": name, "removed_target_ids": [self.id], "read_time": read_time}
            yield ListenResponse(**{f"document_{kind}": absence})
        for name, document in found.items():
            if self.sent.get(name) != times[name]:
                projected = queries.project(document, self.mask)
                yield ListenResponse(
                    document_change={"document": projected, "target_ids": [self.id]}
                )
        self.sent, self._as_of_us = times, reader.time_us


def parse_target(database: str, target: Message) -> ListenTarget:
    """Parse *target* in *database*, or raise a Refusal."""
    kind = target.WhichOneof("target_type")
    if kind == "documents":
        names = [parse_document_of(database, name) for name in target.documents.documents]
        return ListenTarget(
            id=target.target_id,
            read=lambda reader: reader.get_all(names),
            sent=dict.fromkeys(map(str, names)),
        )
    if kind != "query":
        raise InvalidArgument("A target has neither documents nor a query.")
    if database_of(target.query.parent) != database:
        raise InvalidArgument(f'"{target.query.parent}" is not in {database}.')
    query = queries.parse_query(target.query.parent, target.query.structured_query)
    return ListenTarget(
        id=target.target_id, read=lambda reader: reader.select(query), mask=query.mask
    )


_Type = TargetChange.TargetChangeType
# Each takes a thread of the server.
MOST_LISTENERS = 256

# A request, a reader after a commit, why the stream ends; None: the client has disconnected.
Event: TypeAlias = Message | StorageReader | Refusal | None


class Listener:
    """One stream. Any thread may add events; the thread of responses() handles them."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._targets: dict[int, ListenTarget] = {}

    def add(self, event: Event) -> None:
        """Add an event, to be handled after those before it."""
        self._events.put(event)

    def responses(self) -> Iterator[Message]:
        """Yield responses until the client disconnects; raise a Refusal that was added."""
        while (event := self._events.get()) is not None:
            if isinstance(event, Refusal):
                raise event
            if isinstance(event, StorageReader):
                yield from self._update(event)
            else:
                yield from self._handle(event)

    def _update(self, latest: StorageReader) -> Iterator[Message]:
        messages = [m for target in self._targets.values() for m in target.update(latest)]
        yield from messages
        if messages:
            yield _target_change(_Type.NO_CHANGE, None, latest.time_us)

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
        target = parse_target(database, requested)
        latest = self._storage.latest()
        messages = [*target.update(latest)]
        self._targets[target_id] = target
        yield _target_change(_Type.ADD, target_id)
        # Also without a token: an earlier stream may have ended before it sent one.
        yield _target_change(_Type.RESET, target_id)
        yield from messages
        yield _target_change(_Type.CURRENT, target_id, latest.time_us)
        yield _target_change(_Type.NO_CHANGE, None, latest.time_us)


class Listeners:
    """All streams, each of which is told of every commit."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._open: set[Listener] = set()
        storage.subscribe(self._add)

    @contextmanager
    def open(self) -> Iterator[Listener]:
        """Open a stream for the block; raise ResourceExhausted if there are too many."""
        if len(self._open) >= MOST_LISTENERS:
            raise ResourceExhausted(
                f"This server has {MOST_LISTENERS} open listeners and takes no more."
            )
        listener = Listener(self._storage)
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
