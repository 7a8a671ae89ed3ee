"""Finds and deletes what is kept of one address.

It may be interrupted and repeated: an object goes before the document that names it, and what is
left is found again.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote_plus

from google.cloud.firestore_v1.base_query import FieldFilter

from cmc_webhook.reading import queries
from cmc_webhook.reading.documents import MAIL, RECEIVED, Document
from cmc_webhook.reading.objects import QUARANTINE_FOLDER, MissingObjectError, Objects
from cmc_webhook.reading.opened import Connection
from cmc_webhook.reading.quarantine import text_of
from cmc_webhook.reading.queries import Collection
from cmc_webhook.text import ascii_lower

_PAGE = 300
# An entry of a quarantine may have nearly 1 MB.
_ENTRIES = 20
_PARTIES = ("from", "to", "cc", "reply_to", "envelope_from", "envelope_to")
_OBJECTS = ("attachments", "text_stored_at", "html_stored_at", "headers_stored_at", "raw_stored_at")
_JSON_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|.)")


class Traces:
    """What holds *address* (ASCII lower case), besides its document; may raise as Objects does."""

    # Every received mail and every entry of both quarantines is read: their addresses are not
    # indexed. *looked_at* counts these, *found* what holds the address.

    def __init__(self, connection: Connection, objects: Objects, address: str) -> None:
        self._statuses = connection.statuses
        self._received = connection.received
        self._objects = objects
        self._named = self._statuses.collection.where(filter=FieldFilter("to", "==", address))
        self.looked_at: Counter[str] = Counter()
        self.found = Counter(statuses=queries.count(self._named))
        self._documents: list[tuple[Collection, str, Sequence[str]]] = []
        mails = self._received.collection.select([*_PARTIES, *_OBJECTS])
        for page in queries.all_pages(mails, _PAGE, RECEIVED):
            parties = [[each.stored.get(name) for name in _PARTIES] for each in page]
            hits = [address in map(ascii_lower, _texts(each)) for each in parties]
            self._note("received", self._received, page, hits)
        for entries in (connection.quarantine, connection.received_quarantine):
            for page in entries.pages(_ENTRIES):
                hits = [mentions(self._content(each), address) for each in page]
                self._note("entries", entries, page, hits)

    def delete(self) -> None:
        """Delete what was found, and mails sent meanwhile. Raises NoStorageError, StorageError."""
        for collection, document_id, objects in self._documents:
            folder = document_id if collection == self._received else QUARANTINE_FOLDER
            for stored_at in objects:
                with suppress(MissingObjectError):
                    self._objects.delete(folder, stored_at)
            collection.delete([document_id])
        while found := queries.run(self._named.select([]).limit(_PAGE), MAIL):
            self._statuses.delete([each.id for each in found])

    def _note(
        self, kind: str, collection: Collection, page: list[Document], hits: list[bool]
    ) -> None:
        found = [each for each, is_hit in zip(page, hits, strict=True) if is_hit]
        self.looked_at[kind] += len(page)
        self.found[kind] += len(found)
        for each in found:
            objects = [text for text in _texts(each.stored) if text.startswith("gs://")]
            self._documents.append((collection, each.id, objects))

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


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
