"""
Streams of Listen: each tells its client of every commit that concerns one of its targets.

A client that comes back with a resume token is told to forget what it has and is sent
everything again; it compares, and shows its user only what has changed. No gRPC in it.
"""

from collections.abc import Iterator
from queue import SimpleQueue
from typing import TypeAlias
from weakref import WeakSet

from cmc_webhook.local_firestore.errors import InvalidArgument, Refusal, Unavailable
from cmc_webhook.local_firestore.listen_targets import Target, parse_selection
from cmc_webhook.local_firestore.messages import ListenResponse, Message, TargetChange
from cmc_webhook.local_firestore.resource_names import check_database
from cmc_webhook.local_firestore.status import code_of
from cmc_webhook.local_firestore.storage import Commit, Storage

_Type = TargetChange.TargetChangeType

# None: the client has gone.
Event: TypeAlias = Message | Commit | Refusal | None


class Listener:
    """One stream. Others tell it what happens, the thread that reads its answers does the rest."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._targets: dict[int, Target] = {}

    def hear(self, event: Event) -> None:
        """Take a request of the client, a commit, or why to end."""
        self._events.put(event)

    def answers(self) -> Iterator[Message]:
        """Answer until the client has gone; raise the Refusal that is heard."""
        self._storage.follow(self.hear)
        try:
            while (event := self._events.get()) is not None:
                if isinstance(event, Refusal):
                    raise event
                if isinstance(event, Commit):
                    yield from self._tell(event)
                else:
                    yield from self._serve(event)
        finally:
            self._storage.unfollow(self.hear)

    def _tell(self, commit: Commit) -> Iterator[Message]:
        told = False
        for target in self._targets.values():
            for message in target.follow(commit):
                told = True
                yield message
        if told:
            yield _consistent(commit.time_us)

    def _serve(self, request: Message) -> Iterator[Message]:
        check_database(request.database)
        if request.WhichOneof("target_change") == "remove_target":
            if self._targets.pop(request.remove_target, None):
                yield _target_change(_Type.REMOVE, request.remove_target)
        else:
            try:
                yield from self._add(request.database, request.add_target)
            except Refusal as refusal:
                response = _target_change(_Type.REMOVE, request.add_target.target_id)
                response.target_change.cause.code = code_of(refusal).value[0]
                response.target_change.cause.message = str(refusal)
                yield response

    def _add(self, database: str, asked: Message) -> Iterator[Message]:
        if not asked.target_id or asked.target_id in self._targets:
            raise InvalidArgument("A target needs an id of its own.")
        selection = parse_selection(database, asked)
        target = self._targets[asked.target_id] = Target(asked.target_id, selection)
        with self._storage.reading() as latest:
            documents, time_us = selection.question(latest).documents, latest.time_us
        yield _target_change(_Type.ADD, asked.target_id)
        # Also without a token: the stream before may have broken off before it told one.
        yield _target_change(_Type.RESET, asked.target_id)
        yield from target.begin(documents, time_us)
        yield _target_change(_Type.CURRENT, asked.target_id, time_us)
        yield _consistent(time_us)


class Listeners:
    """All streams, so that they can be ended together."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._open: WeakSet[Listener] = WeakSet()

    def open(self) -> Listener:
        """Return a new stream."""
        listener = Listener(self._storage)
        self._open.add(listener)
        return listener

    def stop(self) -> None:
        """End all streams; their clients try to come back."""
        for listener in list(self._open):
            listener.hear(Unavailable("The server stops."))


def _target_change(kind: int, target_id: int, time_us: int | None = None) -> Message:
    response = ListenResponse()
    response.target_change.target_change_type = kind
    response.target_change.target_ids.append(target_id)
    if time_us is not None:
        _set_time(response, time_us)
    return response


def _consistent(time_us: int) -> Message:
    """Return what tells that all targets are as of that time."""
    response = ListenResponse()
    _set_time(response, time_us)
    return response


def _set_time(response: Message, time_us: int) -> None:
    response.target_change.read_time.FromMicroseconds(time_us)
    response.target_change.resume_token = str(time_us).encode()
