"""What a target of a Listen stream selects, and what of that its client has been told. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from cmc_webhook.local_firestore import queries
from cmc_webhook.local_firestore.errors import InvalidArgument
from cmc_webhook.local_firestore.messages import ListenResponse, Message
from cmc_webhook.local_firestore.repeatable_reads import Question, get_all, masked, select
from cmc_webhook.local_firestore.resource_names import DocumentName, database_of, parse_document_of
from cmc_webhook.local_firestore.storage import Commit


@dataclass(frozen=True, slots=True)
class Selection:
    """
    Which documents a target is about.

    *question* finds the candidates, *admits* tells whether a document is one, whatever
    others there are, and *narrow* picks from them what a limit leaves. *names* are those
    whose absence is told too.
    """

    question: Question
    admits: Callable[[DocumentName, Message], bool]
    narrow: Callable[[Iterable[Message]], Iterable[Message]] = iter
    projection: queries.Projection = None
    names: frozenset[str] = frozenset()


def parse_selection(database: str, target: Message) -> Selection:
    """Read what *target* selects in *database*, or raise a Refusal."""
    kind = target.WhichOneof("target_type")
    if kind == "documents":
        names = [parse_document_of(database, name) for name in target.documents.documents]
        wanted = frozenset(names)
        return Selection(
            get_all(names),
            admits=lambda name, document: name in wanted,
            names=frozenset(map(str, names)),
        )
    if kind == "query":
        if database_of(target.query.parent) != database:
            raise InvalidArgument(f'"{target.query.parent}" is not in {database}.')
        return _of_query(queries.parse_query(target.query.parent, target.query.structured_query))
    raise InvalidArgument("A target has neither documents nor a query.")


def _of_query(query: queries.Query) -> Selection:
    every = replace(query, offset=0, limit=None)
    return Selection(
        select(every),
        admits=lambda name, document: (
            query.scope.holds(name) and bool(queries.run(every, [document])[0])
        ),
        narrow=iter if query == every else lambda documents: queries.run(query, documents)[0],
        projection=query.projection,
    )


class Target:
    """One target: messages for its client, first all that it selects, then each change."""

    def __init__(self, target_id: int, selection: Selection) -> None:
        self._id = target_id
        self._selection = selection
        self._as_of_us = 0
        self._candidates: dict[str, Message] = {}
        self._told: dict[str, Message] = {}

    def begin(self, documents: Iterable[Message], time_us: int) -> Iterator[Message]:
        """Tell *documents*, the answer to the selection's question at that time."""
        self._as_of_us = time_us
        self._candidates = {document.name: document for document in documents}
        for name in sorted(self._selection.names - self._candidates.keys()):
            yield self._deletion(name, time_us)
        yield from self._tell_differences(time_us, set())

    def follow(self, commit: Commit) -> Iterator[Message]:
        """Tell what *commit* means to the target; nothing if it came before the beginning."""
        if commit.time_us <= self._as_of_us:
            return
        concerned = False
        for name, document in commit.documents.items():
            if document is not None and self._selection.admits(name, document):
                self._candidates[document.name] = document
                concerned = True
            else:
                concerned |= self._candidates.pop(str(name), None) is not None
        if concerned:
            gone = {str(name) for name, held in commit.documents.items() if held is None}
            yield from self._tell_differences(commit.time_us, gone)

    def _tell_differences(self, time_us: int, gone: set[str]) -> Iterator[Message]:
        selected = {each.name: each for each in self._selection.narrow(self._candidates.values())}
        for name in self._told.keys() - selected.keys():
            yield self._deletion(name, time_us) if name in gone else self._removal(name, time_us)
        for name, document in selected.items():
            if self._told.get(name) is not document:
                yield self._change(document)
        self._told = selected

    def _change(self, document: Message) -> Message:
        response = ListenResponse()
        response.document_change.document.CopyFrom(masked(document, self._selection.projection))
        response.document_change.target_ids.append(self._id)
        return response

    def _deletion(self, name: str, time_us: int) -> Message:
        response = ListenResponse()
        response.document_delete.document = name
        response.document_delete.removed_target_ids.append(self._id)
        response.document_delete.read_time.FromMicroseconds(time_us)
        return response

    def _removal(self, name: str, time_us: int) -> Message:
        response = ListenResponse()
        response.document_remove.document = name
        response.document_remove.removed_target_ids.append(self._id)
        response.document_remove.read_time.FromMicroseconds(time_us)
        return response
