"""
Values: which ones Firestore accepts, their size, and their order. Pure.

A sort key is bytes that compare as Firestore compares the values. No key is a prefix of another
one, so keys can be concatenated.

Order: https://cloud.google.com/firestore/docs/concepts/data-types#value_type_ordering
Sizes: https://cloud.google.com/firestore/docs/storage-size
"""

import math
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from google.api_core.exceptions import InvalidArgument, MethodNotImplemented

from cmc_webhook.local_firestore import limits
from cmc_webhook.local_firestore.field_paths import check_field_name
from cmc_webhook.local_firestore.messages import Message
from cmc_webhook.local_firestore.resource_names import id_key, parse_document

# From 0001-01-01 to the end of 9999.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
# Ends an array, a map or a name: less than the first byte of every key.
_END = b"\x00"
_VECTOR, _MAP = b"\x0a", b"\x0b"


def check_value(value: Message, depth: int = 0) -> None:
    """Raise a Refusal unless Firestore accepts *value*, *depth* levels deep; cut times to µs."""
    kind = value.WhichOneof("value_type")
    if kind in ("map_value", "array_value"):
        if depth >= limits.VALUE_DEPTH:
            raise InvalidArgument(f"A value has more than {limits.VALUE_DEPTH} levels of nesting.")
        if kind == "map_value":
            _check_map(value, depth)
        else:
            check_elements(value.array_value, depth)
    elif kind in ("string_value", "bytes_value"):
        content = getattr(value, kind)
        if len(content if kind == "bytes_value" else content.encode()) > limits.VALUE_BYTES:
            raise InvalidArgument(f"A value is longer than {limits.VALUE_BYTES} bytes.")
    elif kind == "timestamp_value":
        time = value.timestamp_value
        in_range = _FIRST_SECOND <= time.seconds <= _LAST_SECOND and 0 <= time.nanos < 10**9
        if not in_range:
            raise InvalidArgument("A timestamp is outside the years 1 to 9999.")
        time.nanos -= time.nanos % 1000
    elif kind == "reference_value":
        parse_document(value.reference_value)
    elif kind == "geo_point_value":
        point = value.geo_point_value
        if not (-90 <= point.latitude <= 90 and -180 <= point.longitude <= 180):
            raise InvalidArgument("A geo point is outside -90 to 90 and -180 to 180 degrees.")
    elif kind is None:
        raise InvalidArgument("A value has no type.")
    elif kind not in _SIZES:
        raise MethodNotImplemented(f"This server does not store a {kind}.")


def check_fields(fields: Message, depth: int = 0) -> None:
    """Raise a Refusal unless Firestore accepts *fields* as a document or map."""
    for name, value in fields.items():
        check_field_name(name)
        check_value(value, depth)


def check_elements(array: Message, depth: int) -> None:
    """Raise a Refusal unless Firestore accepts *array*, which is *depth* levels deep."""
    for element in array.values:
        if element.HasField("array_value"):
            raise InvalidArgument("Cannot convert an array value in an array value.")
        check_value(element, depth + 1)


def is_null(value: Message) -> bool:
    return bool(value.HasField("null_value"))


def is_number(value: Message) -> bool:
    """Whether *value* is an integer or a double, NaN included."""
    return value.WhichOneof("value_type") in ("integer_value", "double_value")


def is_nan(value: Message) -> bool:
    return bool(value.HasField("double_value")) and math.isnan(value.double_value)


def is_vector(value: Message) -> bool:
    """Whether *value* is a vector, which is a map with a marker."""
    marker = value.map_value.fields.get("__type__")
    return marker is not None and marker.string_value == "__vector__"


def number(value: Message) -> int | float:
    found: int | float = getattr(value, value.WhichOneof("value_type"))
    return found


def size(value: Message) -> int:
    kind = value.WhichOneof("value_type")
    return _SIZES[kind](getattr(value, kind))


def fields_size(fields: Message) -> int:
    return sum(string_size(name) + size(value) for name, value in fields.items())


def name_size(name: str) -> int:
    """Return the bytes of the full name of a document."""
    return sum(string_size(resource_id) for resource_id in name.split("/")[5:]) + 16


def string_size(text: str) -> int:
    return len(text.encode()) + 1


_SIZES: dict[str, Callable[[Any], int]] = {
    "null_value": lambda _: 1,
    "boolean_value": lambda _: 1,
    "integer_value": lambda _: 8,
    "double_value": lambda _: 8,
    "timestamp_value": lambda _: 8,
    "geo_point_value": lambda _: 16,
    "string_value": string_size,
    "bytes_value": len,
    "reference_value": name_size,
    "array_value": lambda array: sum(map(size, array.values)),
    "map_value": lambda inner: fields_size(inner.fields),
}


def _check_map(value: Message, depth: int) -> None:
    if not is_vector(value):
        check_fields(value.map_value.fields, depth + 1)
        return
    elements = value.map_value.fields["value"].array_value.values
    if len(value.map_value.fields) != 2 or not 1 <= len(elements) <= limits.VECTOR_DIMENSIONS:
        raise InvalidArgument(
            f"A vector has 1 to {limits.VECTOR_DIMENSIONS} dimensions and nothing else."
        )
    if not all(is_number(element) for element in elements):
        raise InvalidArgument("A vector has numbers only.")


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
