"""Firestore's writes, each under its condition, as protobuf messages. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from google.cloud.firestore_v1.types import Write

from cmc_webhook import codec
from cmc_webhook.rpc import Held

_Write = Write.pb()

# Firestore's documented limit is 10 MiB a request, that of Google's emulator 4 MiB (seen); a limit
# of 500 writes stood in the documentation once.
_MOST_WRITES = 200
_MOST_BYTES = 4_000_000


def create(name: str, fields: Mapping[str, Any]) -> Any:
    """Return the write that makes a document, if there is none yet."""
    write = _Write()
    write.update.name = name
    codec.encode_fields(fields, write.update.fields)
    write.current_document.exists = False
    return write


def update(name: str, changes: Mapping[str, Any], held: Held) -> Any:
    """Return the write that sets *changes*, and deletes what is None, if *held* is still true."""
    write = _Write()
    write.update.name = name
    present = {field: value for field, value in changes.items() if value is not None}
    codec.encode_fields(present, write.update.fields)
    write.update_mask.field_paths.extend(changes)
    write.current_document.update_time.CopyFrom(held.update_time)
    return write


def chunks(writes: Mapping[str, Any]) -> Iterator[list[str]]:
    """Group the ids of *writes* so that each group fits into one request."""
    chunk: list[str] = []
    room = _MOST_BYTES
    for write_id, write in writes.items():
        size = write.ByteSize()
        if chunk and (size > room or len(chunk) == _MOST_WRITES):
            yield chunk
            chunk, room = [], _MOST_BYTES
        chunk.append(write_id)
        room -= size
    if chunk:
        yield chunk
