"""Documents in the form that views can show, whatever is stored in them.

Another writer, an import or an edit by hand may leave any value in any field. A value of the
wrong type is named as unreadable and kept from the views, so that no view has to check types and
no document hides another. Pure.
"""

import copy
import functools
import operator
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import GenericAlias
from typing import Any, NamedTuple, TypeAlias

from google.cloud.firestore_v1.types import Value
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from cmc_webhook.codec import decode_fields
from cmc_webhook.status.addresses import AddressDocument
from cmc_webhook.status.document import StatusDocument, without_nulls

_VECTOR = "__vector__"


class Mail(StatusDocument, total=False):
    """A status document with the times that the store adds."""

    first_received_at: datetime
    last_received_at: datetime
    expires_at: datetime


class Header(TypedDict):
    """A header field of a received mail, without which its other part is of no use."""

    name: str
    value: str


_FIELDS = tomllib.loads(Path(__file__).with_name("shapes.toml").read_text(encoding="utf-8"))
_TYPES: dict[str, Any] = {
    "text": str,
    "texts": list[str],
    "content": str | bytes,
    "integer": int,
    "number": float,
    "truth": bool,
    "time": datetime,
    "headers": list[Header],
}


def _typed(table: str) -> Any:
    """Return the TypedDict with the fields of *table* in shapes.toml, of which none is required."""
    make: Any = TypedDict
    fields = {name: _TYPES[kind] for kind, names in _FIELDS[table].items() for name in names}
    return make(table, fields, total=False)


_TYPES["person"] = _typed("person")
_TYPES["people"] = GenericAlias(list, _TYPES["person"])
_TYPES["files"] = GenericAlias(list, _typed("file"))
Entry = _typed("entry")
ReceivedMail = _typed("received")
_Place: TypeAlias = tuple[int | str, ...]
Shape = TypeAdapter[Any]
MAIL: Shape = TypeAdapter(Mail)
ENTRY: Shape = TypeAdapter(Entry)
RECEIVED: Shape = TypeAdapter(ReceivedMail)
ADDRESS: Shape = TypeAdapter(AddressDocument)


class Document(NamedTuple):
    """A document: its id, and those fields of ours that have the right type."""

    id: str
    fields: dict[str, Any]
    stored: dict[str, Any]  # every field with whatever is stored, times in UTC
    unreadable: tuple[str, ...]  # our fields that are missing in *fields*, or lack a part


def document(name: str, stored: Any, shape: Shape) -> Document:
    """Return the document of the resource *name*; *stored* are its protobuf fields."""
    values = {field: _plain(value) for field, value in decode_fields(stored).items()}
    fields, unreadable = _readable(without_nulls(values), shape)
    return Document(name.rpartition("/")[2], fields, values, unreadable)


def _readable(fields: Any, shape: Shape) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what of *fields* has the types of *shape*, and the names of the others."""
    unreadable: dict[str, None] = {}
    while True:
        try:
            return shape.validate_python(fields, strict=True), tuple(unreadable)
        except ValidationError as error:
            paths = _wrong(fields, error)
        unreadable |= dict.fromkeys(str(path[0]) for path in paths)
        fields = copy.deepcopy(fields)
        for *above, last in reversed(paths):  # the later elements of a list first
            del functools.reduce(operator.getitem, above, fields)[last]


def _wrong(fields: Any, error: ValidationError) -> list[_Place]:
    found: dict[_Place, None] = {}
    for wrong in error.errors(include_url=False, include_context=False, include_input=False):
        # What lacks a part is of no use without it.
        path = wrong["loc"][:-1] if wrong["type"] == "missing" else wrong["loc"]
        found[tuple(_existing(fields, path))] = None
    return [path for path in found if not any(path[:n] in found for n in range(1, len(path)))]


def _existing(fields: Any, path: _Place) -> Iterator[int | str]:
    """Yield *path* up to the innermost value: pydantic adds the names of types to it."""
    for step in path:
        is_list = isinstance(fields, list) and isinstance(step, int)
        if not is_list and not (isinstance(fields, dict) and step in fields):
            return
        yield step
        fields = fields[step]


def _plain(value: Any) -> Any:
    """Return *value* with other types of Firestore as in the JSON of its REST API."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        inner = {name: _plain(each) for name, each in value.items()}
        return inner.get("value") if inner.get("__type__") == _VECTOR else inner
    if not isinstance(value, Value.pb()):
        return value
    match value.WhichOneof("value_type"):
        case "geo_point_value":
            point = value.geo_point_value
            return {"latitude": point.latitude, "longitude": point.longitude}
        case "reference_value":
            return value.reference_value
        case _:
            return None
