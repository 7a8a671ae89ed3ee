"""A target of a Listen stream: which documents it selects, and which its client has. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from google.api_core.exceptions import InvalidArgument

from cmc_webhook.local_firestore import queries
from cmc_webhook.local_firestore.messages import ListenResponse, Message, timestamp
from cmc_webhook.local_firestore.resource_names import DocumentName, database_of, parse_document_of
from cmc_webhook.local_firestore.storage import Commit
from cmc_webhook.local_firestore.transactions import Read


@dataclass(slots=True, kw_only=True)
class ListenTarget:
    """
    One target; its methods yield the messages for the client, also which *names* are missing.

    *read* and *matches* find the candidates, all or one; *window* applies the limit to them.
    """

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
