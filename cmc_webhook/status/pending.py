"""The documents that the events of a post change: one for each mail, one for each address. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cmc_webhook.reasons import Reason
from cmc_webhook.status import addresses, document
from cmc_webhook.status.events import Status, StatusEvent
from cmc_webhook.status.history import BOUNCE_STATUSES, history_event
from cmc_webhook.status.stop_rule import Fact

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """What the documents of a collection have in common.

    *fields* are those that *fold* reads and *changes* compares; *valid* checks them once
    they are read. *fold* returns those of a document, valid before, after some facts.
    *is_dated*: the store adds the times of its writes and the expiry. *unreadable*: why
    events are in quarantine whose document cannot be read.
    """

    fields: tuple[str, ...]
    valid: Callable[[Fields], Any]
    fold: Callable[[Any, Sequence[Any]], dict[str, Any]]
    changes: Callable[[Fields, Fields], dict[str, Any]]
    is_dated: bool
    unreadable: Reason


def _add_facts(held: Fields, group: Sequence[tuple[StatusEvent, Fact]]) -> dict[str, Any]:
    [(event, _), *_] = group
    return addresses.fold({**held, **addresses.described(event.to)}, [fact for _, fact in group])


_STATUS = DocumentKind(
    document.FIELDS,
    document.valid,
    document.fold_valid,
    document.changes,
    is_dated=True,
    unreadable=Reason.UNREADABLE_DOCUMENT,
)
# A refusal must outlive the mail, so no retention applies.
_ADDRESS = DocumentKind(
    addresses.FIELDS,
    addresses.valid,
    _add_facts,
    addresses.changes,
    is_dated=False,
    unreadable=Reason.UNREADABLE_ADDRESS,
)


class Pending(NamedTuple):
    """A document to write, the *events* that change it, and what its kind folds of them."""

    kind: DocumentKind
    events: Sequence[StatusEvent]
    facts: Sequence[Any]

    def fold(self, known: Any) -> dict[str, Any]:
        """Return the fields after the events, of a document that has the valid fields *known*."""
        return self.kind.fold(known, self.facts)

    @property
    def is_probably_new(self) -> bool:
        """Whether the document can be taken for new without a look at Firestore."""
        # A mail is queued before anything else happens to it. A wrong guess costs one failed write.
        # Events of an address are bounces only.
        return Status.QUEUED in [e.status for e in self.events]


def pending_status(events: Sequence[StatusEvent]) -> Pending:
    """Return the status document of *events*, all of one mail and recipient."""
    return Pending(_STATUS, events, events)


def by_mail(events: Iterable[StatusEvent]) -> dict[str, Pending]:
    """Return the status document of each mail and recipient, by its id."""
    groups: dict[str, list[StatusEvent]] = {}
    for event in events:
        groups.setdefault(document.id_of(event), []).append(event)
    return {document_id: pending_status(group) for document_id, group in groups.items()}


def by_address(events: Iterable[StatusEvent]) -> dict[str, Pending]:
    """Return the document of each address of which *events* say something, by its id."""
    groups: dict[str, list[tuple[StatusEvent, Fact]]] = {}
    for event in events:
        if event.status not in BOUNCE_STATUSES:
            continue  # most are not, and need no work
        history = history_event(event)
        if fact := addresses.fact_of(history, document.id_of(event), event.description):
            groups.setdefault(addresses.address_id(event.to), []).append((event, fact))
    return {
        address_id: Pending(_ADDRESS, [event for event, _ in group], group)
        for address_id, group in groups.items()
    }
