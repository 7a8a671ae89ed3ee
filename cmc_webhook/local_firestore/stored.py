"""A document as it is kept: its bytes, and the sort keys that queries have asked for. Pure."""

from collections.abc import Sequence

from cmc_webhook.local_firestore.field_paths import NAME, FieldPath, get
from cmc_webhook.local_firestore.messages import Document, Message, Value
from cmc_webhook.local_firestore.values import SortKey, sort_key


class StoredDocument:
    """One version of a document. A parsed one takes five times the memory of its bytes."""

    __slots__ = ("_keys", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._keys: dict[FieldPath, SortKey | None] = {}

    def message(self) -> Message:
        return Document.FromString(self.data)

    def key(self, path: FieldPath) -> SortKey | None:
        """Return the sort key of the value at *path*, None if there is none."""
        if path not in self._keys:
            value = value_at(self.message(), path)
            self._keys[path] = None if value is None else sort_key(value)
        return self._keys[path]

    def element_keys(self, path: FieldPath) -> Sequence[SortKey]:
        """Return the sort keys of the elements of the array at *path*, none of another value."""
        value = value_at(self.message(), path)
        return [] if value is None else [*map(sort_key, value.array_value.values)]


def value_at(document: Message, path: FieldPath) -> Message | None:
    """Return the value of *document* at *path*, for `__name__` a reference to it; or None."""
    if path == NAME:
        return Value(reference_value=document.name)
    return get(document.fields, path)
