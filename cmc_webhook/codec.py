"""Converts Python values to and from Firestore's protobuf values. Pure.

The client library's own conversion is several times slower (tests/by_hand has the benchmark). A
value of another type stays the message it is, so that it survives being written again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from google.cloud.firestore_v1.types import Document, Value

_Value, _Document = Value.pb(), Document.pb()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode_document(values: Mapping[str, Any], document: Any) -> None:
    """Write *values* into *document*, which has no fields, without those that are None."""
    fields, times = document.fields, []
    for name, value in values.items():
        if type(value) is str:  # most of them
            fields[name].string_value = value
        elif type(value) is datetime:
            times.append(_serialized(name, value))
        elif value is not None:
            encode(value, fields[name])
    # Protocol Buffers merge messages that are serialized one after the other.
    document.MergeFromString(b"".join(times))


@lru_cache(maxsize=1024)  # the documents of a post share most of their times
def _serialized(name: str, value: datetime) -> bytes:
    document = _Document()
    encode(value, document.fields[name])
    return bytes(document.SerializeToString())


def encode(value: Any, message: Any) -> None:
    """Write *value* into the empty Value *message*; a time must have its zone."""
    kind = type(value)
    if kind is str:
        message.string_value = value
    elif kind is datetime:
        message.CopyFrom(_time(value))
    elif kind is dict:
        if not value:  # an empty map is a map too
            message.map_value.SetInParent()
        fields = message.map_value.fields
        for name, each in value.items():
            encode(each, fields[name])
    elif isinstance(value, list):
        if not value:
            message.array_value.SetInParent()
        values = message.array_value.values
        for item in value:
            encode(item, values.add())
    elif kind is bool:
        message.boolean_value = value
    elif kind is int:
        message.integer_value = value
    elif kind is float:
        message.double_value = value
    elif kind is bytes:
        message.bytes_value = value
    elif value is None:
        message.null_value = 0  # the only value that it has
    elif kind is _Value:
        message.CopyFrom(value)
    else:
        raise TypeError(f"no Firestore value for {kind.__name__}")


@lru_cache(maxsize=1024)
def _time(value: datetime) -> Any:
    since = value - _EPOCH
    message = _Value()
    message.timestamp_value.seconds = since.days * 86_400 + since.seconds
    message.timestamp_value.nanos = since.microseconds * 1_000
    return message


def decode_fields(fields: Any) -> dict[str, Any]:
    """Return the values in *fields*; times are UTC."""
    return {name: decode(message) for name, message in fields.items()}


def decode(message: Any) -> Any:
    """Return the value in the Value *message*, or a copy of it if Python has none like it."""
    kind = message.WhichOneof("value_type")
    if kind == "timestamp_value":
        time = message.timestamp_value
        return _EPOCH + timedelta(seconds=time.seconds, microseconds=time.nanos // 1_000)
    if kind == "array_value":
        return [decode(item) for item in message.array_value.values]
    if kind == "map_value":
        return decode_fields(message.map_value.fields)
    if kind in ("string_value", "boolean_value", "integer_value", "double_value", "bytes_value"):
        return getattr(message, kind)
    if kind == "null_value":
        return None
    copied = _Value()  # the message itself would keep all that was read with it in memory
    copied.CopyFrom(message)
    return copied
