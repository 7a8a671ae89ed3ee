"""
Values: which of them Firestore refuses, how much room they take. Pure.

Size: https://cloud.google.com/firestore/docs/storage-size
"""

import math

from cmc_webhook.local_firestore.errors import InvalidArgument, Unimplemented
from cmc_webhook.local_firestore.field_paths import check_field_name
from cmc_webhook.local_firestore.messages import Message
from cmc_webhook.local_firestore.resource_names import parse_document

_MOST_NESTING = 20
_MOST_BYTES = 1024 * 1024 - 89
_MOST_DIMENSIONS = 2048
# From 0001-01-01 up to the end of 9999.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799

_SIZES = {
    "null_value": 1,
    "boolean_value": 1,
    "integer_value": 8,
    "double_value": 8,
    "timestamp_value": 8,
    "geo_point_value": 16,
}


def admit(value: Message, depth: int = 0) -> None:
    """
    Raise a Refusal unless Firestore would store *value*; cut its timestamps to microseconds.

    *depth* is the number of maps and arrays around it.
    """
    kind = value.WhichOneof("value_type")
    if kind in ("map_value", "array_value"):
        if depth >= _MOST_NESTING:
            raise InvalidArgument(f"A value has more than {_MOST_NESTING} levels of nesting.")
        if kind == "map_value":
            _admit_map(value, depth)
        else:
            admit_elements(value.array_value, depth)
    elif kind in ("string_value", "bytes_value"):
        content = getattr(value, kind)
        if len(content if kind == "bytes_value" else content.encode()) > _MOST_BYTES:
            raise InvalidArgument(f"A value is longer than {_MOST_BYTES} bytes.")
    elif kind == "timestamp_value":
        _admit_timestamp(value.timestamp_value)
    elif kind == "reference_value":
        parse_document(value.reference_value)
    elif kind == "geo_point_value":
        _admit_geo_point(value.geo_point_value)
    elif kind is None:
        raise InvalidArgument("A value has no type.")
    elif kind not in _SIZES:
        raise Unimplemented(f"This server does not store a {kind}.")


def admit_fields(fields: Message, depth: int = 0) -> None:
    """Raise a Refusal unless Firestore would store *fields* as a document or map."""
    for name, value in fields.items():
        check_field_name(name)
        admit(value, depth)


def admit_elements(array: Message, depth: int) -> None:
    """Raise a Refusal unless Firestore would store *array*, which has *depth* levels around it."""
    for element in array.values:
        if element.HasField("array_value"):
            raise InvalidArgument("Cannot convert an array value in an array value.")
        admit(element, depth + 1)


def is_null(value: Message) -> bool:
    """Whether *value* is null."""
    return bool(value.HasField("null_value"))


def is_number(value: Message) -> bool:
    """Whether *value* is an integer or a double, NaN included."""
    return value.WhichOneof("value_type") in ("integer_value", "double_value")


def is_nan(value: Message) -> bool:
    """Whether *value* is the double that is no number."""
    return bool(value.HasField("double_value")) and math.isnan(value.double_value)


def is_vector(value: Message) -> bool:
    """Whether *value* is a vector, which is a map on the wire."""
    marker = value.map_value.fields.get("__type__")
    return marker is not None and marker.string_value == "__vector__"


def number(value: Message) -> int | float:
    """Return the integer or double in *value*."""
    found: int | float = getattr(value, value.WhichOneof("value_type"))
    return found


def size(value: Message) -> int:
    """Return the bytes that *value* counts for in its document."""
    kind = value.WhichOneof("value_type")
    if kind == "string_value":
        return string_size(value.string_value)
    if kind == "bytes_value":
        return len(value.bytes_value)
    if kind == "reference_value":
        return name_size(value.reference_value)
    if kind == "array_value":
        return sum(size(element) for element in value.array_value.values)
    if kind == "map_value":
        return fields_size(value.map_value.fields)
    return _SIZES[kind]


def fields_size(fields: Message) -> int:
    """Return the bytes that *fields* count for, names included."""
    return sum(string_size(name) + size(value) for name, value in fields.items())


def name_size(name: str) -> int:
    """Return the bytes that the full name of a document counts for."""
    return sum(string_size(resource_id) for resource_id in name.split("/")[5:]) + 16


def string_size(text: str) -> int:
    """Return the bytes that *text* counts for."""
    return len(text.encode()) + 1


def _admit_map(value: Message, depth: int) -> None:
    if not is_vector(value):
        admit_fields(value.map_value.fields, depth + 1)
        return
    elements = value.map_value.fields["value"].array_value.values
    if len(value.map_value.fields) != 2 or not 1 <= len(elements) <= _MOST_DIMENSIONS:
        raise InvalidArgument(f"A vector has 1 to {_MOST_DIMENSIONS} dimensions and nothing else.")
    if not all(is_number(element) for element in elements):
        raise InvalidArgument("A vector has numbers only.")


def _admit_timestamp(timestamp: Message) -> None:
    if not _FIRST_SECOND <= timestamp.seconds <= _LAST_SECOND or not (
        0 <= timestamp.nanos < 1_000_000_000
    ):
        raise InvalidArgument("A timestamp is outside the years 1 to 9999.")
    timestamp.nanos -= timestamp.nanos % 1000


def _admit_geo_point(point: Message) -> None:
    if not (-90 <= point.latitude <= 90 and -180 <= point.longitude <= 180):
        raise InvalidArgument("A geo point is outside -90 to 90 and -180 to 180 degrees.")
