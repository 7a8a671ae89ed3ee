"""The documents that the events of a post change: one for each mail, one for each address. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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

    *fields* are those that their fold reads and *changes* compares; *valid* checks them
    once they are read. *is_dated*: the store adds the times of its writes and the expiry.
    *unreadable*: why events are in quarantine whose document cannot be read.
    """

    fields: tuple[str, ...]
    valid: Callable[[Fields], Any]
    changes: Callable[[Fields, Fields], dict[str, Any]]
    is_dated: bool
    unreadable: Reason


_STATUS = DocumentKind(
    document.FIELDS, document.valid, document.changes, True, Reason.UNREADABLE_DOCUMENT
)
# A refusal must outlive the mail, so no retention applies.
_ADDRESS = DocumentKind(
    addresses.FIELDS, addresses.valid, addresses.changes, False, Reason.UNREADABLE_ADDRESS
)


class Pending(NamedTuple):
    """A document to write; *fold* returns its fields after *events*, from valid ones before."""

    kind: DocumentKind
    events: Sequence[StatusEvent]
    fold: Callable[[Fields], dict[str, Any]]

    @property
    def is_probably_new(self) -> bool:
        """Whether the document can be taken for new without a look at Firestore."""
        # A mail is queued before anything else happens to it. A wrong guess costs one failed write.
        return self.kind is _STATUS and Status.QUEUED in [e.status for e in self.events]


def pending_status(events: Sequence[StatusEvent]) -> Pending:
    """Return the status document of *events*, all of one mail and recipient."""
    return Pending(_STATUS, events, partial(document.fold_valid, events=events))


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
        address_id: Pending(_ADDRESS, [event for event, _ in group], partial(_add_facts, group))
        for address_id, group in groups.items()
    }


def _add_facts(group: Sequence[tuple[StatusEvent, Fact]], held: Fields) -> dict[str, Any]:
    [(event, _), *_] = group
    return addresses.fold({**held, **addresses.described(event.to)}, [fact for _, fact in group])
