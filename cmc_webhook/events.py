"""What one record of CMC means: a StatusEvent, or a record that cannot be read. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, ValidationError

from cmc_webhook.envelope import Envelope, scalar
from cmc_webhook.errors import BodyTooLarge
from cmc_webhook.text import ascii_lower, digest


class Status(StrEnum):
    """What became of a mail; the words of CMC, and three for what CMC tells by a code."""

    QUEUED = "queued"
    DEFERRED = "deferred"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"


# The words of a delivery: https://smtps.jp/docs/apiv2/webhook/event (documented).
_DELIVERY_STATUSES = {
    status.value: status
    for status in (Status.QUEUED, Status.DEFERRED, Status.SUCCEEDED, Status.FAILED)
}

FORWARD_ERROR = "6"

# CMC's documented most is 100.
MOST_RECORDS = 20_000
_YEARS = range(2000, 2101)

# The codes of a bounce: https://smtps.jp/docs/apiv2/te/bounces (documented). The cause is CMC's
# name of the code; the class is ours and says what to do about the address.
BOUNCES = {
    "1": ("unknown_host", "hard"),
    "2": ("unknown_user", "hard"),
    "3": ("resend_timeout", "soft"),
    "4": ("rejected", "policy"),
    "5": ("over_capacity", "soft"),
    FORWARD_ERROR: ("forward_error", "soft"),
    "7": ("receiving_server_error", "soft"),
    "8": ("oversize", "policy"),
    "9": ("address_format_error", "hard"),
    "10": ("blocked_address", "suppressed"),
    "11": ("unsubscribed_address", "suppressed"),
    "99": ("other", "unknown"),
}
UNKNOWN_BOUNCE = ("unknown", "unknown")


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record as it came, and the list in which it stood; None for a whole event without one."""

    list_name: str | None
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEvent:
    """
    One fact about one mail and recipient.

    *at* is UTC. *details* holds what describes the mail, by the names of the
    document's fields. All text is cleaned and bounded; what is missing is empty.
    """

    id: str
    at: datetime
    status: Status
    raw_status: str
    bounce_code: str
    created: str
    reason: str
    sender_ip: str
    message_id: str
    to: str
    details: dict[str, str]
    record: RawRecord


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A record of which no event can be made, and why, in one word."""

    record: RawRecord
    why: str


# Limits are bytes of UTF-8. What a document's history repeats has the smallest but for `reason`,
# so that no document can grow to Firestore's 1 MiB.
_Word = Annotated[str, BeforeValidator(lambda value: scalar(value, 256).strip())]
_Address = Annotated[str, BeforeValidator(lambda value: scalar(value, 1024).strip())]
_Line = Annotated[str, BeforeValidator(lambda value: scalar(value, 1024))]
_Text = Annotated[str, BeforeValidator(lambda value: scalar(value, 4096))]


class _Record(BaseModel):
    """A record on the wire, by the names of version 2 or of version 1."""

    created: _Word = ""
    status: _Word = ""
    message_id: _Address = Field("", validation_alias="messageId")
    to: _Address = Field("", validation_alias=AliasChoices("to", "envelopeTo"))
    from_: _Line = Field("", validation_alias="from")
    return_path: _Line = Field("", validation_alias=AliasChoices("returnPath", "envelopeFrom"))
    subject: _Line = ""
    api_data: _Text = Field("", validation_alias="apiData")
    reason: _Text = ""
    source_ip: _Line = Field("", validation_alias="sourceIp")
    sender_ip: _Word = Field("", validation_alias="senderIp")


def read_events(
    envelope: Envelope, zone: ZoneInfo
) -> tuple[list[StatusEvent], list[UnreadableRecord]]:
    """
    Merge every record of *envelope* into one list of events, and a list of those unreadable.

    Deliveries and bounces differ in nothing but the meaning of their status, so
    the list a record stands in decides, whatever ``event_type`` says. A time
    without an offset is read in *zone*, which CMC's screen sets and its posts omit.
    Raise BodyTooLarge for more records than can be stored before a sender gives up.
    """
    readable: list[StatusEvent] = []
    unreadable: list[UnreadableRecord] = []
    for number, record in enumerate(_records(envelope.event)):
        if number == MOST_RECORDS:
            raise BodyTooLarge(f"The post has over {MOST_RECORDS} records; send fewer at once.")
        result = _read(record, envelope.server_composition, zone)
        if isinstance(result, StatusEvent):
            readable.append(result)
        else:
            unreadable.append(UnreadableRecord(record, result))
    return readable, unreadable


def _records(event: dict[str, Any]) -> Iterator[RawRecord]:
    lists = {name: value for name, value in event.items() if _holds_records(name, value)}
    if not lists:
        yield RawRecord(None, event)
    for name, value in lists.items():
        for item in value if isinstance(value, list) else [value]:
            yield RawRecord(name, item)


def _holds_records(name: str, value: object) -> bool:
    # A null is what some serialisers write for a list that is not there.
    return isinstance(value, list) or (name in _LISTS and value is not None)


def _read(record: RawRecord, server_composition: str, zone: ZoneInfo) -> StatusEvent | str:
    """Return the event of *record*, or the word that says why there is none."""
    if record.list_name is None:
        return "no_list"
    if record.list_name not in _KINDS:
        return "not_supported_yet" if record.list_name == _BLOCKS else "unknown_list"
    if not isinstance(record.value, dict):
        return "not_an_object"
    try:
        fields = _Record.model_validate(record.value)
    except ValidationError:
        return "unreadable_field"
    if not fields.message_id.strip("<> "):
        return "missing_message_id"
    if not fields.to:
        return "missing_recipient"
    try:
        at = _instant(fields.created, zone)
    except ValueError:
        return "unreadable_created"
    return _event(record, fields, at, server_composition)


def _instant(created: str, zone: ZoneInfo) -> datetime:
    """
    Return *created* in UTC, or raise ValueError if it is no time from 2000 to 2100.

    CMC writes ``yyyy-MM-dd HH:mm:ss`` (seen in every example); an explicit
    offset is kept where there is one.
    """
    time = datetime.fromisoformat(created)
    if len(created) < len("2000-01-01 00:00") or time.year not in _YEARS:
        raise ValueError("no time, or not of this century")
    at = (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    if at.year not in _YEARS:
        raise ValueError("not of this century in UTC")
    return at


def _event(
    record: RawRecord, fields: _Record, at: datetime, server_composition: str
) -> StatusEvent:
    to = ascii_lower(fields.to)
    kind = str(record.list_name)
    word = fields.status.lower()
    status = _KINDS[kind](word)
    told = (fields.status, fields.created, fields.reason, fields.sender_ip)
    return StatusEvent(
        id=digest(kind, fields.message_id, to, *told)[:16],
        at=at,
        status=status,
        raw_status=fields.status if status is Status.UNKNOWN else "",
        bounce_code=word if kind == "bounces" else "",
        created=fields.created,
        reason=fields.reason,
        sender_ip=fields.sender_ip,
        message_id=fields.message_id,
        to=to,
        details={
            "message_id": fields.message_id,
            "to": to,
            "to_domain": to.rpartition("@")[2] if "@" in to else "",
            "server_composition": server_composition,
            "from": fields.from_,
            "return_path": fields.return_path,
            "subject": fields.subject,
            "api_data": fields.api_data,
            "source_ip": fields.source_ip,
            "sender_ip": fields.sender_ip,
        },
        record=record,
    )


def _delivery_status(word: str) -> Status:
    return _DELIVERY_STATUSES.get(word, Status.UNKNOWN)


def _bounce_status(code: str) -> Status:
    _, bounce_class = BOUNCES.get(code, UNKNOWN_BOUNCE)
    return Status.SUPPRESSED if bounce_class == "suppressed" else Status.BOUNCED


# The lists that hold events, and what `status` means in each.
_KINDS = {"deliveries": _delivery_status, "bounces": _bounce_status}
# A list that holds none. The layout of a block is unknown (inferred: it names no mail).
_BLOCKS = "blocks"
_LISTS = {*_KINDS, _BLOCKS}
