"""What can be wrong with a deployment: each finding says what is seen and what to do. Pure."""

import statistics
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from cmc_webhook.reading.meanings import is_bounce_alone
from cmc_webhook.reading.queries import Document
from cmc_webhook.settings import API_KEYS, StatusSettings, unknown_variables

_UUID_EPOCH = datetime(1582, 10, 15, tzinfo=UTC)
# Zones differ by quarters of an hour, clocks that somebody looks after by less.
_QUARTER = timedelta(minutes=15)
_NEAR = timedelta(minutes=2)
_FARTHEST_ZONE = timedelta(hours=26)
_SKEW = timedelta(minutes=1)
# How many of the latest mails must agree, so that what was mended long ago is not told again.
_LATEST = 9
_BOUNCE_FOLLOWS = timedelta(minutes=10)
_QUIET = timedelta(days=2)
# Firestore deletes within a day, typically.
_TTL_GRACE = timedelta(days=3)
_SHORTEST_SECRET = 16


class Finding(NamedTuple):
    """What is seen, and what to do about it."""

    seen: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What there is to judge: *latest* are the mails written last, the latest first."""

    environ: Mapping[str, str]
    settings: StatusSettings
    real: bool
    now: datetime
    latest: Sequence[Document]
    oldest: Sequence[Document]
    quarantined: int
    received_quarantined: int
    missing_indexes: Sequence[str]


def findings(evidence: Evidence) -> list[Finding]:
    """Return all that is wrong."""
    return [finding for look in _LOOKS for finding in look(evidence)]


def bounces_alone(mails: Sequence[Document]) -> str:
    """Return a sentence on how many bounces have no delivery event for their recipient."""
    bounced = [m for m in mails if "bounced_at" in m.fields or "suppressed_at" in m.fields]
    alone = sum(is_bounce_alone(mail.fields) for mail in bounced)
    share = f" ({alone / len(bounced):.0%})" if bounced else ""
    return f"Bounces without a delivery event: {alone:,} of {len(bounced):,}{share}."


def _unknown_settings(evidence: Evidence) -> Iterator[Finding]:
    for sentence in unknown_variables(evidence.environ):
        yield Finding(sentence, "Correct its name, or remove it.")


def _open_to_all(evidence: Evidence) -> Iterator[Finding]:
    allowed = evidence.environ.get("CMC_ALLOW_UNAUTHENTICATED", "").strip().lower() == "true"
    if allowed and not _secrets(evidence.settings):
        yield Finding(
            "CMC_ALLOW_UNAUTHENTICATED=true and no credential: anybody can post.",
            "Set CMC_API_KEYS or CMC_BASIC_CREDENTIALS, and the same in CMC.",
        )


def _short_secrets(evidence: Evidence) -> Iterator[Finding]:
    for name, secret in _secrets(evidence.settings):
        if len(secret) < _SHORTEST_SECRET:
            yield Finding(
                f"A secret of {name} has fewer than {_SHORTEST_SECRET} characters.",
                "Make one with 'openssl rand -hex 32' and rotate it (README, Rotate a key).",
            )


def _quiet(evidence: Evidence) -> Iterator[Finding]:
    if not evidence.latest:
        yield Finding("Nothing was ever received.", "See the README, Nothing arrives.")
    elif evidence.now - _received(evidence.latest[0]) > _QUIET:
        days = (evidence.now - _received(evidence.latest[0])).days
        yield Finding(f"Nothing was received for {days} days.", "See the README, Nothing arrives.")


def _zone(evidence: Evidence) -> Iterator[Finding]:
    offset = _zone_offset(evidence.latest)
    if offset:
        key = evidence.settings.time_zone.key
        yield Finding(
            f"Times are {_hours(offset)}: the time zone of the posts is not the one in which"
            f" they were read (CMC_TIME_ZONE is {key} here).",
            "Set CMC_TIME_ZONE to タイムゾーン of the webhook in CMC, or the other way round.",
        )


def _clock_skew(evidence: Evidence) -> Iterator[Finding]:
    lags = _lags(evidence.latest)[:_LATEST]
    if lags and -_QUARTER < (median := statistics.median_low(lags)) < -_SKEW:
        yield Finding(
            f"Events arrive {-median.total_seconds():.0f} seconds before they happen.",
            "Set the clock of the machine on which the function runs; Google's and CMC's are kept"
            " right.",
        )


def _no_bounces(evidence: Evidence) -> Iterator[Finding]:
    failed = [
        mail
        for mail in evidence.latest
        if mail.fields.get("status") == "failed"
        and evidence.now - mail.fields["status_at"] > _BOUNCE_FOLLOWS
    ]
    if failed and not any("bounce_code" in mail.fields for mail in evidence.latest):
        yield Finding(
            f"{len(failed)} mails failed and none of the last {len(evidence.latest)} has a bounce.",
            "Tick Bounces, with every event under it, in the settings of the webhook in CMC.",
        )


def _version_1(evidence: Evidence) -> Iterator[Finding]:
    told = [mail.fields for mail in evidence.latest if "return_path" in mail.fields]
    if told and "from" not in told[0]:
        yield Finding(
            "The latest post is of version 1, which has no sender and no X-Api-Data.",
            "Choose バージョン 2 in the settings of the webhook in CMC.",
        )


def _quarantine(evidence: Evidence) -> Iterator[Finding]:
    if evidence.quarantined:
        yield Finding(
            f"{evidence.quarantined:,} records are in quarantine.",
            "Look with 'python -m cmc_webhook quarantine list'; replay or delete them.",
        )


def _received_quarantine(evidence: Evidence) -> Iterator[Finding]:
    if evidence.received_quarantined:
        yield Finding(
            f"{evidence.received_quarantined:,} received mails are in quarantine.",
            "Look with 'python -m cmc_webhook quarantine list --inbound'; delete them when done.",
        )


def _indexes(evidence: Evidence) -> Iterator[Finding]:
    for field in evidence.missing_indexes:
        yield Finding(
            f"The index of {field} and status_at is missing or not ready.",
            "Create it: README, Deletion and indexes.",
        )


def _no_ttl(evidence: Evidence) -> Iterator[Finding]:
    due = [mail.fields.get("expires_at", evidence.now) for mail in evidence.oldest]
    if evidence.real and any(evidence.now - expiry > _TTL_GRACE for expiry in due):
        yield Finding(
            "Mails are still there days after their expires_at: the TTL policy is missing.",
            "Create it: README, Deletion and indexes.",
        )


_LOOKS: tuple[Callable[[Evidence], Iterator[Finding]], ...] = (
    *(_unknown_settings, _open_to_all, _short_secrets, _quiet, _zone, _clock_skew),
    *(_no_bounces, _version_1, _quarantine, _received_quarantine, _indexes, _no_ttl),
)


def _secrets(settings: StatusSettings) -> list[tuple[str, str]]:
    """Return each secret of *settings* with its variable; of a pair only what is secret."""
    return [
        (variable, secret if variable == API_KEYS else secret.partition(":")[2])
        for variable, secrets in settings.credentials.items()
        for secret in secrets
    ]


def _zone_offset(mails: Sequence[Document]) -> timedelta:
    """Return by how much times are off, in quarters of an hour; zero if nothing tells."""
    clocks = [_queued_minus_id(mail.fields) for mail in mails]
    told = [offset for offset in clocks if offset is not None][:_LATEST]
    if told:
        return _QUARTER * round(statistics.median_low(told) / _QUARTER)
    lags = _lags(mails)
    if not lags:
        return timedelta()
    # A late post is no wrong zone: all must be late, by quarters of an hour. None is early.
    least, median = min(lags), statistics.median_low(lags[:_LATEST])
    rounded = _QUARTER * round(least / _QUARTER)
    if abs(least - rounded) < _NEAR and timedelta() < rounded < _FARTHEST_ZONE:
        return -rounded
    return -_QUARTER * round(median / _QUARTER) if median < -_QUARTER else timedelta()


def _queued_minus_id(fields: Mapping[str, Any]) -> timedelta | None:
    """Return how much later a mail was queued than the clock in its message id says."""
    made_at = _clock_of(fields.get("message_id", ""))
    return fields["queued_at"] - made_at if made_at and "queued_at" in fields else None


def _clock_of(message_id: str) -> datetime | None:
    """Return the time in a version 1 UUID, as CMC's own message ids begin with one."""
    try:
        made = uuid.UUID(message_id.removeprefix("<").partition("@")[0])
    except ValueError:
        return None
    return _UUID_EPOCH + timedelta(microseconds=made.time // 10) if made.version == 1 else None


def _lags(mails: Sequence[Document]) -> list[timedelta]:
    """Return the time from the newest event of each mail to the last post about it."""
    return [
        _received(mail) - max(event["at"] for event in mail.fields["events"])
        for mail in mails
        if mail.fields.get("events")
    ]


def _received(mail: Document) -> datetime:
    at: datetime = mail.fields["last_received_at"]
    return at


def _hours(offset: timedelta) -> str:
    hours = offset.total_seconds() / 3600
    return f"{abs(hours):g} hours {'late' if hours > 0 else 'early'}"
