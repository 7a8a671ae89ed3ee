"""
What could not be stored, as text for the log: whole envelopes that can be posted again. Pure.

Cloud Logging takes 256 KiB an entry (https://cloud.google.com/logging/quotas); an entry of ours
has at most 100 kB, of which quoting may take half.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from cmc_webhook.auth import Credentials
from cmc_webhook.envelope import Envelope, json_text
from cmc_webhook.events import RawRecord

_MOST_BYTES = 48_000


def unstored_envelopes(
    records: Iterable[RawRecord], envelope: Envelope, credentials: Credentials
) -> Iterator[str]:
    """
    Yield the JSON of envelopes that hold *records*, without any secret.

    Of a record that is too long by itself the shortest fields are kept, as far as
    they fit: those that CMC fills fit. One that is no object is left out.
    """
    chunk: list[RawRecord] = []
    room = _MOST_BYTES
    for record in records:
        shortened = RawRecord(record.list_name, _shortened(record.value))
        size = len(json_text(shortened.value).encode())
        if chunk and (size > room or record.list_name is None):
            yield _text(chunk, envelope, credentials)
            chunk, room = [], _MOST_BYTES
        if size <= room:
            chunk.append(shortened)
            room -= size
    if chunk:
        yield _text(chunk, envelope, credentials)


def unstored_body(body: bytes, credentials: Credentials) -> str:
    """Return the beginning of a body that holds no event, without any secret."""
    return credentials.redact(body)[:_MOST_BYTES].decode(errors="replace")


def _shortened(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept, room = {}, _MOST_BYTES
    sizes = {name: len(json_text({name: item}).encode()) for name, item in value.items()}
    for name in sorted(sizes, key=lambda name: sizes[name]):
        room -= sizes[name]
        if room >= 0:
            kept[name] = value[name]
    return kept


def _text(records: Iterable[RawRecord], envelope: Envelope, credentials: Credentials) -> str:
    event: Any = {}
    for record in records:
        if record.list_name is not None:
            event.setdefault(record.list_name, []).append(record.value)
        else:  # an event without a list stands alone
            event = record.value
    whole = envelope.model_copy(update={"event": event})
    return credentials.redact(json_text(whole.model_dump()).encode()).decode()
