"""How CMC wraps its records: form or JSON bytes to an Envelope. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from cmc_webhook.errors import MalformedEnvelope
from cmc_webhook.text import clean

# The fields by which a received mail is known, as CMC and as SendGrid post it.
CMC_MAIL = frozenset({"filter", "envelope-to"})
SENDGRID_MAIL = frozenset({"envelope", "sender_ip"})
# A body has four fields; many more are an attack on the parser.
_MOST_FORM_FIELDS = 1_000
# Python refuses to convert longer integers, which would sink the records beside it.
_LONGEST_INTEGER = 4_000
_PART_NAME = re.compile(r'^Content-Disposition: form-data; name="([^"\r\n]*)"', re.I | re.M)


def scalar(value: object, limit: int) -> str:
    """Return *value* as cleaned text of at most *limit* bytes; null is empty, a list no text."""
    if isinstance(value, str):
        return clean(value, limit)
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)[:limit]
    raise ValueError("neither text nor number")


class Repeated(list[Any]):
    """The values of a name that stands twice in one object: none of them is chosen or lost."""


def json_value(text: str) -> Any:
    """Parse *text*, or raise ValueError or RecursionError."""
    return json.loads(
        text,
        object_pairs_hook=_object,
        parse_int=lambda digits: int(digits) if len(digits) <= _LONGEST_INTEGER else digits,
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        values: dict[str, Repeated] = {}
        for name, value in pairs:
            values.setdefault(name, Repeated()).append(value)
        fields |= {name: each for name, each in values.items() if len(each) > 1}
    return fields


def json_text(value: object) -> str:
    """Return JSON that reads as it was written, or raise MalformedEnvelope if nested too deep."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError:  # half an emoji, which only an escape can carry
        return json.dumps(value)
    except RecursionError as error:
        raise MalformedEnvelope("A record is nested too deep.") from error
    return text


def read_fields(body: bytes) -> dict[str, list[Any]]:
    """
    Return the fields of a form or the keys of a JSON object, each with all its values.

    The content decides which it is: CMC's default is a form, and its JSON is a
    box to tick. A body that is neither has no fields.
    """
    text = body.decode("utf-8-sig", "replace").strip()
    if text.startswith("--"):
        # Multipart, which CMC uses for received mail alone: the names tell that.
        return {name: [] for name in _PART_NAME.findall(text)}
    try:
        if text.startswith("{"):
            fields = json_value(text)
            return {n: v if isinstance(v, Repeated) else [v] for n, v in fields.items()}
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FORM_FIELDS)
    except (ValueError, RecursionError):
        return {}
    fields = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def body_keys(fields: Mapping[str, list[Any]]) -> list[str]:
    """Return every ``api_key``; CMC documents one and does not say where."""
    return [key for key in fields.get("api_key", []) if isinstance(key, str)]


def _event(value: object) -> object:
    # A form holds it as JSON text; JSON holds the object, and the text is taken there too.
    try:
        return json_value(value) if isinstance(value, str) else value
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _name(value: object) -> str:
    try:
        return scalar(value, 1024)
    except ValueError:
        return ""  # CMC's word for what the lists tell anyhow


class Envelope(BaseModel):
    """What CMC posts, versions 1 and 2 alike."""

    model_config = ConfigDict(frozen=True)

    event: Annotated[dict[str, Any], BeforeValidator(_event)]
    event_type: Annotated[str, BeforeValidator(_name)] = ""
    server_composition: Annotated[str, BeforeValidator(lambda value: scalar(value, 1024))] = ""


def read_envelope(fields: Mapping[str, list[Any]]) -> Envelope:
    """Return the envelope in *fields*, or raise MalformedEnvelope with a hint for an operator."""
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
            "The body is no event of Customers Mail Cloud: a form or a JSON object with"
            " event_type, server_composition and an event that is a JSON object is expected."
        ) from error
