"""
Values: which ones Firestore accepts, their size, and their order. Pure.

Order: https://cloud.google.com/firestore/docs/concepts/data-types#value_type_ordering
Sizes: https://cloud.google.com/firestore/docs/storage-size
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from google.api_core.exceptions import InvalidArgument, MethodNotImplemented

from cmc_webhook.local_firestore import limits
from cmc_webhook.local_firestore.field_paths import check_field_name
from cmc_webhook.local_firestore.messages import Message
from cmc_webhook.local_firestore.resource_names import id_key, parse_document

# From 0001-01-01 to the end of 9999.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799

# Compares as Firestore compares the values.
SortKey: TypeAlias = tuple[Any, ...]


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


def sort_key(value: Message) -> SortKey:
    """Return the key of *value*; it begins with the rank of the value's type."""
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        return _map_key(value)
    rank, content = _CONTENTS[kind]
    return (rank, *content(getattr(value, kind)))


def _number_key(number: float) -> SortKey:
    return () if math.isnan(number) else (number,)  # NaN comes first


def _map_key(value: Message) -> SortKey:
    fields = value.map_value.fields
    if is_vector(value):
        elements = fields["value"].array_value.values
        return (10, len(elements), *map(sort_key, elements))
    return (11, *((name, sort_key(fields[name])) for name in sorted(fields)))


_CONTENTS: dict[str, tuple[int, Callable[[Any], Iterable[Any]]]] = {
    "null_value": (1, lambda _: ()),
    "boolean_value": (2, lambda truth: (truth,)),
    "integer_value": (3, _number_key),
    "double_value": (3, _number_key),
    "timestamp_value": (4, lambda time: (time.seconds, time.nanos)),
    "string_value": (5, lambda text: (text,)),
    "bytes_value": (6, lambda content: (content,)),
    "reference_value": (7, lambda name: map(id_key, name.split("/"))),
    "geo_point_value": (8, lambda point: (point.latitude, point.longitude)),
    "array_value": (9, lambda array: map(sort_key, array.values)),
}
