"""Parses requests; refuses those that set a field which this server does not support. Pure."""

import tomllib
from pathlib import Path

from google.api_core.exceptions import InvalidArgument, MethodNotImplemented
from google.cloud.firestore_v1 import types
from google.protobuf.message import DecodeError

from cmc_webhook.local_firestore import limits
from cmc_webhook.local_firestore.messages import Message

_PACKAGE = "google.firestore.v1."

_SUPPORTED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def parse_request(call: str, data: bytes) -> Message:
    """Parse the request of *call*; raise a Refusal if malformed or with unsupported fields."""
    if len(data) > limits.REQUEST_BYTES:
        raise InvalidArgument(
            f"Request payload size exceeds the limit: {limits.REQUEST_BYTES} bytes."
        )
    try:
        message = getattr(types, f"{call}Request").pb().FromString(data)
    except DecodeError as error:
        raise InvalidArgument(
            "The request cannot be parsed: text that is not UTF-8, or nested too deeply."
        ) from error
    size = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() != size:
        raise MethodNotImplemented("The request sets a field that this server does not know.")
    _check_supported(message)
    return message


def _check_supported(message: Message) -> None:
    kind = message.DESCRIPTOR.full_name.removeprefix(_PACKAGE)
    for field, value in message.ListFields():
        if field.name not in _SUPPORTED[kind].split():
            raise MethodNotImplemented(f"This server does not support {kind}.{field.name}.")
        if field.message_type and field.message_type.full_name.removeprefix(_PACKAGE) in _SUPPORTED:
            for part in value if field.is_repeated else [value]:
                _check_supported(part)
