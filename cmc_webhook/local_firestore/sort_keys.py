"""
Sort keys: bytes that compare as Firestore compares the values. Pure.

No key is a prefix of another one, so keys can be concatenated. The order is that of
https://cloud.google.com/firestore/docs/concepts/data-types#value_type_ordering
"""

import math
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from cmc_webhook.local_firestore.messages import Message
from cmc_webhook.local_firestore.resource_names import id_key
from cmc_webhook.local_firestore.values import is_vector

# Ends an array, a map or a name: less than the first byte of every key.
_END = b"\x00"
_VECTOR, _MAP = b"\x0a", b"\x0b"


def sort_key(value: Message) -> bytes:
    """Return the key of *value*; its first byte is the same for all values of one type."""
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        return _map(value)
    rank, content = _CONTENTS[kind]
    return rank + content(getattr(value, kind))


def _number(number: int | float) -> bytes:
    if math.isnan(number):
        return b"\x00"
    near = float(number)
    # The part of an integer that a double loses.
    rest = number - int(near) if isinstance(number, int) else 0
    return b"\x01" + _double(near) + (rest + 0x8000).to_bytes(2, "big")


def _double(number: float) -> bytes:
    # Adding 0.0 turns -0.0 into 0.0.
    bits = int.from_bytes(struct.pack(">d", number + 0.0), "big")
    # Negative numbers sort in the reverse order of their bits.
    flipped = bits ^ (0xFFFFFFFFFFFFFFFF if bits >> 63 else 1 << 63)
    return flipped.to_bytes(8, "big")


def _bytes(content: bytes) -> bytes:
    return content.replace(b"\x00", b"\x00\xff") + b"\x00\x01"


def _text(text: str) -> bytes:
    return _bytes(text.encode())


def _name(name: str) -> bytes:
    return b"".join(map(_id, name.split("/"))) + _END


# Most names differ only in their last id.
@lru_cache(1_000)
def _id(resource_id: str) -> bytes:
    rank, content = id_key(resource_id)
    # Numbers have up to 19 digits: positive in nine bytes after the shift.
    data = (content + 2**70).to_bytes(9, "big") if isinstance(content, int) else _text(content)
    return bytes([rank + 1]) + data


def _map(value: Message) -> bytes:
    fields = value.map_value.fields
    if is_vector(value):
        elements = fields["value"].array_value.values
        return _VECTOR + struct.pack(">I", len(elements)) + b"".join(map(sort_key, elements))
    pairs = (b"\x01" + _text(name) + sort_key(fields[name]) for name in sorted(fields))
    return _MAP + b"".join(pairs) + _END


_CONTENTS: dict[str, tuple[bytes, Callable[[Any], bytes]]] = {
    "null_value": (b"\x01", lambda _: b""),
    "boolean_value": (b"\x02", lambda truth: bytes([truth])),
    "integer_value": (b"\x03", _number),
    "double_value": (b"\x03", _number),
    "timestamp_value": (b"\x04", lambda time: struct.pack(">QI", time.seconds + 2**63, time.nanos)),
    "string_value": (b"\x05", _text),
    "bytes_value": (b"\x06", _bytes),
    "reference_value": (b"\x07", _name),
    "geo_point_value": (b"\x08", lambda point: _double(point.latitude) + _double(point.longitude)),
    "array_value": (b"\x09", lambda array: b"".join(map(sort_key, array.values)) + _END),
}
