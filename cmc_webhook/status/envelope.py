"""Reads the envelope of a post: composition, event type and records. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from cmc_webhook.errors import MalformedEnvelope
from cmc_webhook.fields import CMC_MAIL, SENDGRID_MAIL, Repeated, json_bytes, json_value, scalar


class RawRecord(NamedTuple):
    """A record as posted, and the name of its list; None for an event without any list."""

    list_name: str | None
    value: Any


def _event(value: object) -> object:
    # A form holds it as JSON text, JSON as an object. Both are accepted in both.
    try:
        return json_value(value) if isinstance(value, str) else value
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _name(value: object) -> str:
    try:
        return scalar(value, 1024)
    except ValueError:
        return ""  # the names of the lists say the same


class Envelope(BaseModel):
    """The body that CMC posts, in version 1 and 2."""

    model_config = ConfigDict(frozen=True)

    event: Annotated[dict[str, Any], BeforeValidator(_event)]
    event_type: Annotated[str, BeforeValidator(_name)] = ""
    server_composition: Annotated[str, BeforeValidator(lambda value: scalar(value, 1024))] = ""


def read_envelope(fields: Mapping[str, list[Any]]) -> Envelope:
    """Return the envelope in *fields*. Raises MalformedEnvelope with a hint for an operator."""
    if fields.keys() >= CMC_MAIL or fields.keys() >= SENDGRID_MAIL:
        raise MalformedEnvelope(
            "This is a received mail, which belongs to the function cmc_inbound; this URL takes the"
            " status of sent mail: enter it in CMC under Event, not under Inbound."
        )
    try:
        single = {n: v[0] if len(v) == 1 else Repeated(v) for n, v in fields.items()}
        return Envelope.model_validate(single)
    except ValidationError as error:
        raise MalformedEnvelope(
            "The body is not an event of Customers Mail Cloud: expected a form or a JSON object"
            " with event_type, server_composition and an event that is a JSON object."
        ) from error


def wrap(records: Iterable[RawRecord], envelope: Envelope, most_bytes: int) -> Iterator[str]:
    """Yield envelopes as JSON that hold *records* and can be posted again, each of *most_bytes*.

    Of a longer record the shortest fields are kept, as far as they fit: those that CMC
    fills fit. A longer record that is not an object is left out.
    """
    chunk: list[RawRecord] = []
    room = most_bytes
    for record in records:
        shortened = RawRecord(record.list_name, _shortened(record.value, most_bytes))
        size = len(json_bytes(shortened.value))
        if chunk and (size > room or record.list_name is None):
            yield _wrapped(chunk, envelope)
            chunk, room = [], most_bytes
        if size <= room:
            chunk.append(shortened)
            room -= size
    if chunk:
        yield _wrapped(chunk, envelope)


def _shortened(value: Any, most_bytes: int) -> Any:
    if not isinstance(value, dict):
        return value
    kept, room = {}, most_bytes
    sizes = {name: len(json_bytes({name: item})) for name, item in value.items()}
    for name in sorted(sizes, key=lambda name: sizes[name]):
        room -= sizes[name]
        if room >= 0:
            kept[name] = value[name]
    return kept


def _wrapped(records: Iterable[RawRecord], envelope: Envelope) -> str:
    event: Any = {}
    for record in records:
        if record.list_name is not None:
            event.setdefault(record.list_name, []).append(record.value)
        else:  # an event without a list is the only record
            event = record.value
    return json_bytes(envelope.model_copy(update={"event": event}).model_dump()).decode(
        errors="replace"
    )
