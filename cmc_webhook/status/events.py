"""Parses the records of a post into events. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from typing_extensions import TypedDict

from cmc_webhook.errors import BodyTooLarge
from cmc_webhook.fields import has_escaped_bytes, scalar
from cmc_webhook.reasons import Reason
from cmc_webhook.status.envelope import Envelope, RawRecord
from cmc_webhook.text import ascii_lower, clean, cut_in_the_middle, digest, domain_of


class Status(StrEnum):
    """The status of a mail: CMC's four words of a delivery, and three of our own."""

    QUEUED = "queued"
    DEFERRED = "deferred"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"


# The statuses of a delivery: https://smtps.jp/docs/apiv2/webhook/event (documented).
_DELIVERY_STATUSES = {
    status.value: status
    for status in (Status.QUEUED, Status.DEFERRED, Status.SUCCEEDED, Status.FAILED)
}

FORWARD_ERROR = "6"
# The source of an event that CMC's REST API told of.
REST = "rest"

# CMC documents at most 100.
MOST_RECORDS = 20_000
_YEARS = range(2000, 2101)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# A time zone set wrongly is off by up to 26 hours. A date further in the future is forged or
# broken, and as the latest event it would win for ever.
_FARTHEST_FUTURE = timedelta(hours=48)

# Cause and class of each bounce code: https://smtps.jp/docs/apiv2/te/bounces (documented). The
# cause is CMC's name of the code; the class is ours.
BOUNCE_CODES = {
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
UNKNOWN_BOUNCE_CODE = ("unknown", "unknown")


# What describes the mail in a record, by the names of the document's fields. The only list of
# them: the document, its history and its updates all derive from it.
Description = TypedDict(
    "Description",
    {
        "message_id": str,
        "to": str,
        "to_domain": str,
        "server_composition": str,
        "from": str,
        "return_path": str,
        "subject": str,
        "api_data": str,
        "source_ip": str,
    },
    total=False,
)


class StatusEvent(NamedTuple):
    """One event of one mail and recipient; *at* is UTC, text is cleaned, empty if missing."""

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
    description: Description
    record: RawRecord
    source: str = ""  # REST, or empty for a post


class UnreadableRecord(NamedTuple):
    """A record that could not be parsed, and the reason."""

    record: RawRecord
    why: Reason


_MOST_TEXT = 4096
_NUMBER = re.compile(r"0*([0-9]+)(?:\.0*)?")

# Limits in bytes of UTF-8. Text that stands in each event of the history has the smallest, apart
# from `reason`, so that a document stays under Firestore's 1 MiB.
_WORD, _LINE = 256, 1024
# A reason is cut later, so that its end stays: the SMTP stage stands there.
_REPLY = 65_536


class _Field(NamedTuple):
    limit: int
    strip: bool = False


# What is read of a record, by CMC's names in version 2, and two of version 1.
RECORD_FIELDS = {
    "created": _Field(_WORD, strip=True),
    "status": _Field(_WORD, strip=True),
    "messageId": _Field(_LINE, strip=True),
    "to": _Field(_LINE, strip=True),
    "envelopeTo": _Field(_LINE, strip=True),
    "from": _Field(_LINE),
    "returnPath": _Field(_LINE),
    "envelopeFrom": _Field(_LINE),
    "subject": _Field(_LINE),
    "apiData": _Field(_MOST_TEXT),
    "reason": _Field(_REPLY),
    "sourceIp": _Field(_LINE),
    "senderIp": _Field(_WORD, strip=True),
}


def _fields(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the text of each field, empty for one that is missing. Raises ValueError."""
    fields = {}
    for name, (limit, strip) in RECORD_FIELDS.items():
        value = record.get(name)
        text = clean(value, limit) if type(value) is str else scalar(value, limit)
        fields[name] = text.strip() if strip else text
    return fields


def read_events(
    envelope: Envelope, zone: ZoneInfo, received_at: datetime, *, is_utf8: bool = True
) -> tuple[list[StatusEvent], list[UnreadableRecord]]:
    """Merge all records of *envelope* into one list of events and one of unreadable records.

    Deliveries and bounces differ only in the meaning of ``status``: the list that a
    record is in decides, not ``event_type``. A time without an offset is local time in
    *zone*, which is set in CMC's console and missing in its posts. *received_at* is UTC;
    an event much later than that is unreadable. Unless the body *is_utf8*, a record with
    bytes that are not is unreadable. Raises BodyTooLarge for more records than can be
    stored before the sender gives up.
    """
    readable: list[StatusEvent] = []
    unreadable: list[UnreadableRecord] = []
    for number, record in enumerate(_records(envelope.event)):
        if number == MOST_RECORDS:
            raise BodyTooLarge(f"The post has over {MOST_RECORDS} records; send fewer at once.")
        if not is_utf8 and has_escaped_bytes(record.value):
            unreadable.append(UnreadableRecord(record, Reason.NOT_UTF8))
            continue
        result = _read(record, envelope.server_composition, zone, received_at)
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
    # Some serialisers write null for a missing list.
    return isinstance(value, list) or (name in _LISTS and value is not None)


def _read(
    record: RawRecord, server_composition: str, zone: ZoneInfo, received_at: datetime
) -> StatusEvent | Reason:
    if record.list_name is None:
        return Reason.NO_LIST
    if record.list_name not in _KINDS:
        return Reason.NOT_SUPPORTED_YET if record.list_name == _BLOCKS else Reason.UNKNOWN_LIST
    if not isinstance(record.value, dict):
        return Reason.NOT_AN_OBJECT
    try:
        fields = _fields(record.value)
    except ValueError:
        return Reason.UNREADABLE_FIELD
    if not fields["messageId"].strip("<> "):
        return Reason.MISSING_MESSAGE_ID
    if not (fields["to"] or fields["envelopeTo"]):
        return Reason.MISSING_RECIPIENT
    try:
        at = instant(fields["created"], zone)
    except ValueError:
        return Reason.UNREADABLE_CREATED
    if at - received_at > _FARTHEST_FUTURE:
        return Reason.FUTURE_CREATED
    return _event(record, fields, at, server_composition)


def unreadable_fields(record: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields of *record* that hold a list or an object."""
    return [name for name in RECORD_FIELDS if isinstance(record.get(name), list | dict)]


@lru_cache(maxsize=1024)  # a post covers about a second
def instant(created: str, zone: ZoneInfo) -> datetime:
    """Return *created* in UTC. Raises ValueError if it is not a time from 2000 to 2100.

    CMC writes ``yyyy-MM-dd HH:mm:ss`` in *zone* (seen in every example). An explicit
    offset wins over *zone*.
    """
    time = datetime.fromisoformat(created)
    if len(created) < len("2000-01-01 00:00") or time.year not in _YEARS:
        raise ValueError("not a time of this century")
    at = (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    if at.year not in _YEARS:
        raise ValueError("not of this century in UTC")
    return at


def _event(
    record: RawRecord, fields: Mapping[str, str], at: datetime, server_composition: str
) -> StatusEvent:
    message_id, created, sender_ip = fields["messageId"], fields["created"], fields["senderIp"]
    to = ascii_lower(fields["to"] or fields["envelopeTo"])
    kind = str(record.list_name)
    word = fields["status"].lower() if kind == "deliveries" else _code(fields["status"])
    status = _KINDS[kind](word)
    # The id has the reason as the first version cut it, so that a repeated event keeps its id.
    content = (fields["status"], created, clean(fields["reason"], _MOST_TEXT), sender_ip)
    return StatusEvent(
        id=digest(kind, message_id, to, *content)[:16],
        at=at,
        status=status,
        raw_status=fields["status"] if status is Status.UNKNOWN else "",
        bounce_code=word if kind == "bounces" else "",
        created=created,
        reason=cut_in_the_middle(fields["reason"], _MOST_TEXT),
        sender_ip=sender_ip,
        message_id=message_id,
        to=to,
        description={
            "message_id": message_id,
            "to": to,
            "to_domain": domain_of(to),
            "server_composition": server_composition,
            "from": fields["from"],
            "return_path": fields["returnPath"] or fields["envelopeFrom"],
            "subject": fields["subject"],
            "api_data": fields["apiData"],
            "source_ip": fields["sourceIp"],
        },
        record=record,
    )


def _code(word: str) -> str:
    """Return a bounce code in one spelling: some serialisers write 2 as 2.0 or 02."""
    number = _NUMBER.fullmatch(word)
    return number[1] if number else word.lower()


def _delivery_status(word: str) -> Status:
    return _DELIVERY_STATUSES.get(word, Status.UNKNOWN)


def bounce_status(code: str) -> Status:
    _, bounce_class = BOUNCE_CODES.get(code, UNKNOWN_BOUNCE_CODE)
    return Status.SUPPRESSED if bounce_class == "suppressed" else Status.BOUNCED


# The lists of events, and the meaning of `status` in each.
_KINDS = {"deliveries": _delivery_status, "bounces": bounce_status}
# A list of other records. Their layout is unknown (inferred: they name no mail).
_BLOCKS = "blocks"
_LISTS = {*_KINDS, _BLOCKS}
