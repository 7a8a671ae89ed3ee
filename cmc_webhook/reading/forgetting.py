"""
Finds and deletes what is kept of one address.

Each step may be interrupted and repeated: an object goes before the document that names it, and
what is left is found again.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from google.cloud.firestore import CollectionReference
from google.cloud.firestore_v1.base_query import FieldFilter

from cmc_webhook.reading import queries
from cmc_webhook.reading.connection import Connection
from cmc_webhook.reading.documents import ENTRY, MAIL, RECEIVED, Document
from cmc_webhook.reading.objects import QUARANTINE_FOLDER, MissingObjectError, Objects
from cmc_webhook.reading.quarantine import Quarantine, text_of
from cmc_webhook.text import ascii_lower

_PAGE = 300
# An entry of a quarantine may have nearly 1 MB.
_ENTRIES = 20
_PARTIES = ("from", "to", "cc", "reply_to", "envelope_from", "envelope_to")
_OBJECTS = ("attachments", "text_stored_at", "html_stored_at", "headers_stored_at", "raw_stored_at")
_JSON_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|.)")


@dataclass(frozen=True, kw_only=True)
class Traces:
    """
    What holds an address, apart from the document of the address itself.

    *entries* are those of the quarantines, by the collection of their function; *looked_at* says
    how many received mails and entries were read to find them.
    """

    statuses: int
    received: Sequence[Document]
    entries: Mapping[str, Sequence[Document]]
    looked_at: Mapping[str, int]


class Archive:
    """All that the functions keep, but for the addresses."""

    def __init__(self, connection: Connection, objects: Objects) -> None:
        self._client = connection.client
        self._statuses = connection.client.collection(connection.collection)
        self._received = connection.client.collection(connection.inbound_collection)
        self._quarantines = {
            name: Quarantine(connection.client, name)
            for name in (connection.collection, connection.inbound_collection)
        }
        self._objects = objects

    def traces(self, address: str) -> Traces:
        """
        Find what holds *address*, in ASCII lower case.

        It reads every received mail and every entry: their addresses are not indexed. Raises
        NoStorageError, StorageError.
        """
        looked_at = dict.fromkeys(("received", "entries"), 0)
        received = []
        parties = self._received.select([*_PARTIES, *_OBJECTS])
        for page in queries.all_pages(parties, _PAGE, RECEIVED):
            looked_at["received"] += len(page)
            received += [mail for mail in page if _is_party(mail, address)]
        entries: dict[str, list[Document]] = {}
        for name, quarantine in self._quarantines.items():
            entries[name] = []
            for page in quarantine.pages(_ENTRIES):
                looked_at["entries"] += len(page)
                found = (entry for entry in page if mentions(self._content(entry), address))
                entries[name] += [_without_content(entry) for entry in found]
        return Traces(
            statuses=queries.count(self._statuses.where(filter=_to(address))),
            received=received,
            entries=entries,
            looked_at=looked_at,
        )

    def delete(self, address: str, traces: Traces) -> None:
        """Delete *traces* of *address*, and what came meanwhile. Raises as traces() does."""
        for name, entries in traces.entries.items():
            for entry in entries:
                self._delete_objects(QUARANTINE_FOLDER, entry)
            self._quarantines[name].delete([entry.id for entry in entries])
        for mail in traces.received:
            self._delete_objects(mail.id, mail)
            self._delete(self._received, [mail])
        named = self._statuses.where(filter=_to(address)).select([]).limit(_PAGE)
        while found := queries.run(named, MAIL):
            self._delete(self._statuses, found)

    def _delete(self, collection: CollectionReference, documents: Sequence[Document]) -> None:
        batch = self._client.batch()
        for each in documents:
            batch.delete(collection.document(each.id))
        batch.commit(**queries.PATIENCE)

    def _delete_objects(self, folder: str, document: Document) -> None:
        for stored_at in _places(document.stored):
            with suppress(MissingObjectError):
                self._objects.delete(folder, stored_at)

    def _content(self, entry: Document) -> str:
        content, stored_at = text_of(entry), entry.fields.get("stored_at")
        if content is not None or not stored_at:
            return content or ""
        try:
            with self._objects.download(QUARANTINE_FOLDER, stored_at) as file:
                file.seek(0)
                return file.read().decode(errors="replace")
        except MissingObjectError:
            return ""


def mentions(content: str, address: str) -> bool:
    """Return whether *content* has *address*: as it is, percent-encoded or escaped in JSON."""
    whole = rf"(?<![A-Za-z0-9._+-]){re.escape(address)}(?![A-Za-z0-9_-]|\.[A-Za-z0-9])"
    forms = (content, unquote_plus(content))
    return any(
        re.search(whole, text, re.IGNORECASE | re.ASCII)
        for form in forms
        for text in (form, _JSON_ESCAPE.sub(_unescaped, form))
    )


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else " "


def _without_content(entry: Document) -> Document:
    stored_at = entry.stored.get("stored_at")
    return entry._replace(fields={}, stored={"stored_at": stored_at})


def _to(address: str) -> FieldFilter:
    return FieldFilter("to", "==", address)


def _is_party(mail: Document, address: str) -> bool:
    return any(address in map(ascii_lower, _texts(mail.stored.get(name))) for name in _PARTIES)


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from _texts(each)
        case dict():
            yield from _texts([*value.values()])


def _places(value: Any) -> Iterator[str]:
    """Yield the address of each object that a document names."""
    return (text for text in _texts(value) if text.startswith("gs://"))
