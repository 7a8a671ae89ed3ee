"""What the mails that exist say of their addresses, for `rebuild --addresses`."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

from google.cloud.firestore import Query
from google.cloud.firestore_v1.types import Document as StoredDocument

from cmc_webhook.codec import decode_fields
from cmc_webhook.database import Budget, Database, Held, nanoseconds
from cmc_webhook.reading.opened import Connection
from cmc_webhook.reading.queries import is_id, stored_pages
from cmc_webhook.reading.rebuilding import Left, facts_in, rebuilt_address
from cmc_webhook.status import addresses, document
from cmc_webhook.status.stop_rule import Fact

# Documents by resource name; None for one that does not exist.
Page: TypeAlias = Mapping[str, Held | None]
Result: TypeAlias = dict[str, Any] | Left  # what changes, or why the document is left

_PAGE = 300


class AddressesOfMails:
    """What the mails that exist say of each address."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._name_of_mail = partial(database.document, connection.statuses.collection.id)
        self._name = partial(database.document, connection.addresses.collection.id)
        self._found: dict[str, tuple[str, list[Fact]]] = {}
        self._seen: set[str] = set()
        self._dropped: dict[str, set[str]] = {}

    def scan(self, mails: Page) -> None:
        """Remember what *mails* say: of each address only what its document would keep."""
        for name, held in mails.items():
            to, facts = facts_in(id_of(name), held.fields if held else {})
            if facts:
                address = self._name(addresses.address_id(to))
                _, known = self._found.get(address, (to, []))
                kept = addresses.fold({"facts": known}, facts)["facts"]
                self._found[address] = to, kept

    def noted(self, pages: Iterable[Page]) -> Iterator[Page]:
        """Yield *pages* of documents that exist, and remember their names."""
        for page in pages:
            self._seen |= page.keys()
            yield page

    def others(self) -> Iterator[Page]:
        """Yield the addresses that mails name and that were not in any page."""
        yield from self._read_pages([name for name in self._found if name not in self._seen])

    def doubtful(self) -> Iterator[Page]:
        """Yield the addresses again of which a fact was dropped."""
        yield from self._read_pages([*self._dropped])

    def compute(self, page: Page) -> dict[str, Result]:
        """Return what changes in each document of *page*."""
        known: dict[str, list[Fact]] = {}
        results: dict[str, Result] = {}
        for name, held in page.items():
            try:
                known[name] = addresses.fold(held.fields if held else {}, ()).get("facts", [])
            except document.UnreadableDocumentError:
                results[name] = Left.UNREADABLE
        # Mails that the scan did not find: gone, or changed since.
        unexplained = {name: self._mails(name, facts) for name, facts in known.items()}
        fresh = self._read_mails(set().union(*unexplained.values()))
        for name, facts in known.items():
            held = page[name]
            to, found = self._found.get(name, ("", []))
            existing = {fact["mail"] for fact in found} | (unexplained[name] & fresh.keys())
            found = found + [fact for mail in unexplained[name] for fact in fresh.get(mail, [])]
            before = held.fields if held else {}
            folded = rebuilt_address(before, to, found, existing)
            kept = {(fact["event"], fact["mail"]) for fact in folded.get("facts", [])}
            gone = {f["mail"] for f in facts if (f["event"], f["mail"]) not in kept}
            if gone:
                self._dropped[name] = self._dropped.get(name, set()) | gone
            results[name] = addresses.changes(before, folded)
        return results

    def _mails(self, name: str, facts: Iterable[Fact]) -> set[str]:
        """Return the mails to look at again for the address *name*, which holds *facts*."""
        _, found = self._found.get(name, ("", []))
        scanned = {(fact["event"], fact["mail"]) for fact in found}
        unknown = {f["mail"] for f in facts if (f["event"], f["mail"]) not in scanned}
        return unknown | self._dropped.get(name, set())

    def _read_mails(self, ids: Iterable[str]) -> dict[str, list[Fact]]:
        """Return what each of these mails says now; one that does not exist is left out."""
        names = [self._name_of_mail(each) for each in ids if is_id(each)]
        held = chain.from_iterable(
            page.items() for page in self._read_pages(names, document.FIELDS)
        )
        return {id_of(name): facts_in(id_of(name), each.fields)[1] for name, each in held if each}

    def _read_pages(
        self, names: list[str], fields: Iterable[str] = addresses.FIELDS
    ) -> Iterator[Page]:
        for start in range(0, len(names), _PAGE):
            yield self._database.read(names[start : start + _PAGE], fields, patience())


def patience() -> Budget:
    """Return the deadline of one page: nobody waits for an answer as CMC does."""
    return Budget(120.0, longest_rpc_s=30.0)


def pages_of(query: Query, after: str | None) -> Iterator[Page]:
    """Yield the documents of *query* by id, in pages."""
    for found in stored_pages(query, _PAGE, after):
        documents = map(StoredDocument.pb, found)
        yield {
            each.name: Held(decode_fields(each.fields), nanoseconds(each.update_time))
            for each in documents
        }


def id_of(name: str) -> str:
    return name.rpartition("/")[2]
