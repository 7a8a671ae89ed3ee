"""Field paths such as a.`b.c`: parse them, read and change the field that they name. Pure.

*fields* is always the protobuf map of a document or of a map value.
"""

import re
from collections.abc import Iterable
from typing import TypeAlias

from google.api_core.exceptions import InvalidArgument

from cmc_webhook.local_firestore import limits
from cmc_webhook.local_firestore.messages import Message
from cmc_webhook.local_firestore.resource_names import is_reserved

FieldPath: TypeAlias = tuple[str, ...]

NAME: FieldPath = ("__name__",)

_SEGMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)|`((?:[^`\\]|\\.)+)`", re.DOTALL)
_PATH = re.compile(rf"(?:{_SEGMENT.pattern})(?:\.(?:{_SEGMENT.pattern}))*", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parse(text: str) -> FieldPath:
    """Parse *text*, which may be `__name__`, or raise InvalidArgument."""
    if not _PATH.fullmatch(text):
        raise InvalidArgument(f'Invalid field path "{text}".')
    path = tuple(plain or _ESCAPED.sub(r"\1", quoted) for plain, quoted in _SEGMENT.findall(text))
    if path != NAME:
        for segment in path:
            check_field_name(segment)
    return path


def parse_stored(text: str) -> FieldPath:
    """Parse the path of a stored field, or raise InvalidArgument; `__name__` is none."""
    path = parse(text)
    if path == NAME:
        raise InvalidArgument("A write cannot set __name__.")
    return path


def check_field_name(name: str) -> None:
    """Raise InvalidArgument unless *name* can be the key of a map."""
    if not name:
        raise InvalidArgument("A field name is empty.")
    if is_reserved(name):
        raise InvalidArgument(f'Field name "{name}" is reserved.')
    if len(name.encode()) > limits.FIELD_NAME_BYTES:
        raise InvalidArgument(f'Field name "{name}" is over {limits.FIELD_NAME_BYTES} bytes.')


def get(fields: Message, path: FieldPath) -> Message | None:
    inner = _parent_map(fields, path)
    return None if inner is None else inner.get(path[-1])


def put(fields: Message, path: FieldPath, value: Message) -> None:
    """Set *path* to *value*; a parent that is not a map is replaced by one."""
    for segment in path[:-1]:
        step = fields[segment]
        step.map_value.SetInParent()
        fields = step.map_value.fields
    fields[path[-1]].CopyFrom(value)


def remove(fields: Message, path: FieldPath) -> None:
    """Delete *path* if it exists; a map that becomes empty stays."""
    if (inner := _parent_map(fields, path)) is not None:
        inner.pop(path[-1], None)


def copy(source: Message, target: Message, paths: Iterable[FieldPath]) -> None:
    """Copy each of *paths* that *source* has to *target*."""
    for path in paths:
        if (value := get(source, path)) is not None:
            put(target, path, value)


def _parent_map(fields: Message, path: FieldPath) -> Message | None:
    for segment in path[:-1]:
        step = fields.get(segment)
        if step is None or not step.HasField("map_value"):
            return None
        fields = step.map_value.fields
    return fields
