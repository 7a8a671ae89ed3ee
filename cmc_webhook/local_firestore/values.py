"""Values: which ones Firestore accepts, their size, and their order. Pure.

Order: https://cloud.google.com/firestore/docs/concepts/data-types#value_type_ordering
Sizes: https://cloud.google.com/firestore/docs/storage-size
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

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
            _check_map(value.map_value, depth)
        else:
            check_elements(value.array_value, depth)
    elif kind in ("string_value", "bytes_value"):
        content = getattr(value, kind)
        if len(content if kind == "bytes_value" else content.encode()) > limits.VALUE_BYTES:
            raise InvalidArgument(f"A value is longer than {limits.VALUE_BYTES} bytes.")
    elif kind == "timestamp_value":
        time = value.timestamp_value
        if not (_FIRST_SECOND <= time.seconds <= _LAST_SECOND and 0 <= time.nanos < 10**9):
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
    elif kind not in _KINDS:
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


def is_vector(inner: Message) -> bool:
    """Whether the map *inner* is a vector, which has a marker."""
    marker = inner.fields.get("__type__")
    return marker is not None and marker.string_value == "__vector__"


def number(value: Message) -> int | float:
    found: int | float = getattr(value, value.WhichOneof("value_type"))
    return found


def size(value: Message) -> int:
    kind = value.WhichOneof("value_type")
    return _KINDS[kind].size(getattr(value, kind))


def fields_size(fields: Message) -> int:
    return sum(string_size(name) + size(value) for name, value in fields.items())


def name_size(name: str) -> int:
    """Return the bytes of the full name of a document."""
    return sum(string_size(resource_id) for resource_id in name.split("/")[5:]) + 16


def string_size(text: str) -> int:
    return len(text.encode()) + 1


def _check_map(inner: Message, depth: int) -> None:
    if not is_vector(inner):
        check_fields(inner.fields, depth + 1)
        return
    elements = inner.fields["value"].array_value.values
    if len(inner.fields) != 2 or not 1 <= len(elements) <= limits.VECTOR_DIMENSIONS:
        raise InvalidArgument(
            f"A vector has 1 to {limits.VECTOR_DIMENSIONS} dimensions and nothing else."
        )
    if not all(is_number(element) for element in elements):
        raise InvalidArgument("A vector has numbers only.")


def sort_key(value: Message) -> SortKey:
    """Return the key of *value*; it begins with the rank of the value's type."""
    kind = value.WhichOneof("value_type")
    return _KINDS[kind].key(getattr(value, kind))


def _number_key(number: float) -> SortKey:
    return (3,) if math.isnan(number) else (3, number)  # NaN comes first


def _map_key(inner: Message) -> SortKey:
    fields = inner.fields
    if is_vector(inner):
        elements = fields["value"].array_value.values
        return (10, len(elements), *map(sort_key, elements))
    return (11, *((name, sort_key(fields[name])) for name in sorted(fields)))


class _Kind(NamedTuple):
    """What is done with the content of a value of one type."""

    size: Callable[[Any], int]
    key: Callable[[Any], SortKey]


_KINDS = {
    "null_value": _Kind(lambda _: 1, lambda _: (1,)),
    "boolean_value": _Kind(lambda _: 1, lambda truth: (2, truth)),
    "integer_value": _Kind(lambda _: 8, _number_key),
    "double_value": _Kind(lambda _: 8, _number_key),
    "timestamp_value": _Kind(lambda _: 8, lambda time: (4, time.seconds, time.nanos)),
    "string_value": _Kind(string_size, lambda text: (5, text)),
    "bytes_value": _Kind(len, lambda content: (6, content)),
    "reference_value": _Kind(name_size, lambda name: (7, *map(id_key, name.split("/")))),
    "geo_point_value": _Kind(lambda _: 16, lambda point: (8, point.latitude, point.longitude)),
    "array_value": _Kind(
        lambda array: sum(map(size, array.values)),
        lambda array: (9, *map(sort_key, array.values)),
    ),
    "map_value": _Kind(lambda inner: fields_size(inner.fields), _map_key),
}
