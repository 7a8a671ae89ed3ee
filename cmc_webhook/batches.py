"""Packs conditional writes into BatchWrite requests. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from google.cloud.firestore_v1.types import BatchWriteRequest

from cmc_webhook import codec

_Request = BatchWriteRequest.pb()

# Firestore's documented limit is 10 MiB per request; Google's emulator refuses over 4 MiB (seen).
# Older documentation has a limit of 500 writes.
MOST_WRITES = 200
_MOST_BYTES = 4_000_000


class Write(NamedTuple):
    """Sets *fields* of the document *name*, its resource name; deletes those that are None.

    *update_time* is the precondition, in nanoseconds since 1970: the document was last
    written then. None: the document must not exist. *appended* are new elements of arrays
    that the document has, by field; then *fields* are not empty.
    """

    name: str
    fields: Mapping[str, Any]
    update_time: int | None
    appended: Mapping[str, list[Any]] = {}


def requests(database: str, writes: Mapping[str, Write]) -> Iterator[tuple[list[str], bytes]]:
    """Yield keys of *writes* and their serialized BatchWriteRequest, within Firestore's limits."""
    every = list(writes)
    waiting = [every[start : start + MOST_WRITES] for start in range(0, len(every), MOST_WRITES)]
    while waiting:
        keys = waiting.pop(0)
        request = _Request(database=database)
        for key in keys:
            _fill(request.writes.add(), writes[key])
        serialized = request.SerializeToString()
        if len(keys) > 1 and len(serialized) > _MOST_BYTES:
            middle = len(keys) // 2
            waiting[:0] = [keys[:middle], keys[middle:]]
        else:
            yield keys, serialized


def _fill(message: Any, write: Write) -> None:
    document = message.update
    document.name = write.name
    codec.encode_document(write.fields, document)
    if write.update_time is None:
        message.current_document.exists = False
    else:
        message.update_mask.field_paths.extend(write.fields)
        written_at = message.current_document.update_time
        written_at.seconds, written_at.nanos = divmod(write.update_time, 1_000_000_000)
    for name, items in write.appended.items():
        transform = message.update_transforms.add(field_path=name)
        for item in items:
            codec.encode(item, transform.append_missing_elements.values.add())
