"""
Listen: streams that send every commit that concerns their targets.

A client that reconnects with a resume token is told to reset and gets everything again; it
compares, and reports only changes to its user.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TypeAlias

from google.api_core.exceptions import InvalidArgument, ResourceExhausted, ServiceUnavailable

from cmc_webhook.local_firestore.errors import Refusal, status
from cmc_webhook.local_firestore.indexes import IndexCheck
from cmc_webhook.local_firestore.listen_targets import ListenTarget, parse_target
from cmc_webhook.local_firestore.messages import ListenResponse, Message, TargetChange
from cmc_webhook.local_firestore.resource_names import check_database
from cmc_webhook.local_firestore.storage import Commit, Storage

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
