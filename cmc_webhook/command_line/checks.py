"""The checks of `doctor`: what can be wrong with a deployment, and what to do. Pure."""

import statistics
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from cmc_webhook.reading.queries import Document
from cmc_webhook.settings import API_KEYS, StatusSettings, unknown_variables

_UUID_EPOCH = datetime(1582, 10, 15, tzinfo=UTC)
# Time zones differ by quarters of an hour; maintained clocks by much less.
_QUARTER = timedelta(minutes=15)
_NEAR = timedelta(minutes=2)
_FARTHEST_ZONE = timedelta(hours=26)
_SKEW = timedelta(minutes=1)
# Judge by the latest mails only: an old fault may be fixed.
_LATEST = 9
_BOUNCE_FOLLOWS = timedelta(minutes=10)
_QUIET = timedelta(days=2)
# Firestore typically deletes expired documents within a day (documented).
_TTL_GRACE = timedelta(days=3)
_SHORTEST_SECRET = 16
_DOCUMENT = ".github/DEPLOYMENT.md"


class Problem(NamedTuple):
    """What is wrong, and what to do about it."""

    text: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """
    The state of a deployment.

    *latest*: the mails written last, the latest first; *oldest*: the one whose last
    write is the longest ago. *real*: a project of Google, not the local Firestore.
    """

    environ: Mapping[str, str]
    settings: StatusSettings
    real: bool
    now: datetime
    latest: Sequence[Document]
    oldest: Sequence[Document]
    quarantined: int
    received_quarantined: int
    missing_indexes: Sequence[str]


def problems(deployment: Deployment) -> list[Problem]:
    """Return everything that is wrong."""
    return [problem for check in _CHECKS for problem in check(deployment)]


def _unknown_settings(deployment: Deployment) -> Iterator[Problem]:
    for sentence in unknown_variables(deployment.environ):
        yield Problem(sentence, "Correct its name, or remove it.")


def _open_to_all(deployment: Deployment) -> Iterator[Problem]:
    allowed = deployment.environ.get("CMC_ALLOW_UNAUTHENTICATED", "").strip().lower() == "true"
    if allowed and not _secrets(deployment.settings):
        yield Problem(
            "CMC_ALLOW_UNAUTHENTICATED=true without a credential: anybody can post.",
            "Set CMC_API_KEYS or CMC_BASIC_CREDENTIALS, and the same in CMC.",
        )


def _short_secrets(deployment: Deployment) -> Iterator[Problem]:
    for name, secret in _secrets(deployment.settings):
        if len(secret) < _SHORTEST_SECRET:
            yield Problem(
                f"A secret of {name} has fewer than {_SHORTEST_SECRET} characters.",
                f"Rotate it: {_DOCUMENT}, Rotate a key.",
            )


def _quiet(deployment: Deployment) -> Iterator[Problem]:
    if not deployment.latest:
        yield Problem("Nothing has been received yet.", f"See {_DOCUMENT}, Nothing arrives.")
    elif deployment.now - _received(deployment.latest[0]) > _QUIET:
        days = (deployment.now - _received(deployment.latest[0])).days
        yield Problem(
            f"Nothing has been received for {days} days.", f"See {_DOCUMENT}, Nothing arrives."
        )


def _zone(deployment: Deployment) -> Iterator[Problem]:
    offset = _zone_offset(deployment.latest)
    if offset:
        key = deployment.settings.time_zone.key
        yield Problem(
            f"Times are {_hours(offset)}: the time zone of the posts differs from the function's"
            f" (CMC_TIME_ZONE is {key} here).",
            "Make CMC_TIME_ZONE and タイムゾーン of the webhook in CMC the same, then correct the"
            " stored times: python -m cmc_webhook rebuild --zone ZONE.",
        )


def _clock_skew(deployment: Deployment) -> Iterator[Problem]:
    lags = _lags(deployment.latest)[:_LATEST]
    if lags and -_QUARTER < (median := statistics.median_low(lags)) < -_SKEW:
        yield Problem(
            f"Events arrive {-median.total_seconds():.0f} seconds before they happen.",
            "Correct the clock of the machine that runs the function, unless it is Google's.",
        )


def _no_bounces(deployment: Deployment) -> Iterator[Problem]:
    failed = [
        mail
        for mail in deployment.latest
        if mail.fields.get("status") == "failed"
        and deployment.now - mail.fields["status_at"] > _BOUNCE_FOLLOWS
    ]
    if failed and not any("bounce_code" in mail.fields for mail in deployment.latest):
        yield Problem(
            f"{len(failed)} mails failed, and none of the last {len(deployment.latest)} has a"
            " bounce.",
            "Tick Bounces, with every event under it, in the settings of the webhook in CMC.",
        )


def _version_1(deployment: Deployment) -> Iterator[Problem]:
    with_sender = [mail.fields for mail in deployment.latest if "return_path" in mail.fields]
    if with_sender and "from" not in with_sender[0]:
        yield Problem(
            "The latest post is of version 1, which has no sender and no X-Api-Data.",
            "Choose バージョン 2 in the settings of the webhook in CMC.",
        )


def _quarantine(deployment: Deployment) -> Iterator[Problem]:
    if deployment.quarantined:
        yield Problem(
            f"{deployment.quarantined:,} records are in quarantine.",
            "Look with 'python -m cmc_webhook quarantine list'; replay or delete them.",
        )


def _received_quarantine(deployment: Deployment) -> Iterator[Problem]:
    if deployment.received_quarantined:
        yield Problem(
            f"{deployment.received_quarantined:,} received mails are in quarantine.",
            "Look with 'python -m cmc_webhook quarantine list --inbound'; delete them when done.",
        )


def _indexes(deployment: Deployment) -> Iterator[Problem]:
    for field in deployment.missing_indexes:
        yield Problem(
            f"The index of {field} and status_at is missing or not ready.",
            f"Create it: {_DOCUMENT}, Expiry and indexes.",
        )


def _no_ttl(deployment: Deployment) -> Iterator[Problem]:
    due = [mail.fields.get("expires_at", deployment.now) for mail in deployment.oldest]
    if deployment.real and any(deployment.now - expiry > _TTL_GRACE for expiry in due):
        yield Problem(
            "Mails are still there days after their expires_at: the TTL policy is missing.",
            f"Create it: {_DOCUMENT}, Expiry and indexes.",
        )


_CHECKS: tuple[Callable[[Deployment], Iterator[Problem]], ...] = (
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
    """Return by how much times are wrong, in quarters of an hour; zero if that is unknown."""
    offsets = [_queued_minus_id(mail.fields) for mail in mails]
    known = [offset for offset in offsets if offset is not None][:_LATEST]
    if known:
        return _QUARTER * round(statistics.median_low(known) / _QUARTER)
    lags = _lags(mails)
    if not lags:
        return timedelta()
    # Posts may be late for other reasons, so all must be late by the same quarters of an hour; but
    # a post never comes before its event.
    least, median = min(lags), statistics.median_low(lags[:_LATEST])
    rounded = _QUARTER * round(least / _QUARTER)
    if abs(least - rounded) < _NEAR and timedelta() < rounded < _FARTHEST_ZONE:
        return -rounded
    return -_QUARTER * round(median / _QUARTER) if median < -_QUARTER else timedelta()


def _queued_minus_id(fields: Mapping[str, Any]) -> timedelta | None:
    """Return the time from the clock in a message id to the queued event, if both are known."""
    made_at = _clock_of(fields.get("message_id", ""))
    return fields["queued_at"] - made_at if made_at and "queued_at" in fields else None


def _clock_of(message_id: str) -> datetime | None:
    """Return the time in the version 1 UUID with which CMC's own message ids begin."""
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
