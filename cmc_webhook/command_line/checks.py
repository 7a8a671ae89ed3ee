"""The checks of `doctor`: what can be wrong with a deployment, and what to do. Pure."""

import re
import statistics
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.meanings import is_bounce_alone
from cmc_webhook.settings import API_KEYS, StatusSettings, doubtful_settings

_UUID_EPOCH = datetime(1582, 10, 15, tzinfo=UTC)
# Time zones differ by quarters of an hour; maintained clocks by much less.
_QUARTER = timedelta(minutes=15)
_NEAR = timedelta(minutes=2)
_SMALLEST_OFFSET = timedelta(minutes=30)
_FARTHEST_ZONE = timedelta(hours=26)
# UTC and Japan.
_USUAL_ZONES = (timedelta(), timedelta(hours=9))
_BURST = timedelta(minutes=10)
_FEWEST = 3
# Hosts in message ids of CMC's own (seen: mta04.pro.smtps.jp, node1) and of the simulator.
_CMC_HOST = re.compile(r"node[0-9]+|mta[0-9]+\.(?:[a-z0-9-]+\.)+smtps\.(?:jp|example)", re.I)
_SKEW = timedelta(minutes=1)
# Judge by the latest mails only: an old fault may be fixed.
_LATEST = 9
_BOUNCE_FOLLOWS = timedelta(minutes=10)
_QUIET = timedelta(days=2)
# Firestore typically deletes expired documents within a day (documented).
_TTL_GRACE = timedelta(days=3)
_SHORTEST_SECRET = 16
_VERSION_JUDGED_BY = 3
_MOST_NAMED = 10
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
    write is the longest ago; *documents*: what else was read, by what it is.
    *refused_setting*: the sentence on a credential with which the function does not start.
    *failed_looks*: what could not be read, by the error. *real*: a project of Google, not
    the local Firestore.
    """

    environ: Mapping[str, str]
    settings: StatusSettings
    refused_setting: str
    real: bool
    now: datetime
    latest: Sequence[Document]
    oldest: Sequence[Document]
    documents: Mapping[str, Sequence[Document]]
    quarantined: int
    received_quarantined: int
    missing_indexes: Sequence[str]
    failed_looks: Mapping[str, Sequence[str]]


def problems(deployment: Deployment) -> list[Problem]:
    """Return everything that is wrong."""
    return [problem for check in _CHECKS for problem in check(deployment)]


def bounces_alone(mails: Sequence[Document]) -> str:
    """Return a sentence on how many bounces have no delivery event for their recipient."""
    bounced = [m for m in mails if "bounced_at" in m.fields or "suppressed_at" in m.fields]
    alone = sum(is_bounce_alone(mail.fields) for mail in bounced)
    share = f" ({alone / len(bounced):.0%})" if bounced else ""
    return f"Bounces without a delivery event: {alone:,} of {len(bounced):,}{share}."


def _doubtful_settings(deployment: Deployment) -> Iterator[Problem]:
    for sentence in doubtful_settings(deployment.environ):
        yield Problem(sentence, "Correct the setting, or remove it.")


def _refused_settings(deployment: Deployment) -> Iterator[Problem]:
    if deployment.refused_setting:
        yield Problem(
            deployment.refused_setting, "Correct the setting: with it the function does not start."
        )


def _failed_looks(deployment: Deployment) -> Iterator[Problem]:
    for error, looks in deployment.failed_looks.items():
        yield Problem(
            f"Not checked: {', '.join(looks)}. Firestore: {error}",
            "Check --project, --database and your role (roles/datastore.viewer).",
        )


def _open_to_all(deployment: Deployment) -> Iterator[Problem]:
    allowed = deployment.environ.get("CMC_ALLOW_UNAUTHENTICATED", "").strip().lower() == "true"
    if allowed and not (deployment.refused_setting or _secrets(deployment.settings)):
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
    remedy = f"See {_DOCUMENT}, Nothing arrives."
    if not deployment.latest:
        if not deployment.failed_looks:
            yield Problem("Nothing has been received yet.", remedy)
        return
    quiet = deployment.now - _received(deployment.latest[0])
    if quiet > _QUIET:
        yield Problem(f"Nothing has been received for {quiet.days} days.", remedy)


def _zone(deployment: Deployment) -> Iterator[Problem]:
    zone = deployment.settings.time_zone
    error = _zone_error(deployment.latest, zone)
    if error is None:
        return
    remedy = (
        "Make CMC_TIME_ZONE and タイムゾーン of the webhook in CMC the same, then correct the"
        " stored times: python -m cmc_webhook rebuild --zone ZONE."
    )
    if not error.certain:
        remedy = f"Compare the time of a new mail with a clock. If it is wrong: {remedy}"
    yield Problem(
        f"Times are {_hours(error.offset)}: {'certain' if error.certain else 'likely'}, because"
        f" {error.evidence} (CMC_TIME_ZONE is {zone.key} here).",
        remedy,
    )


def _clock_skew(deployment: Deployment) -> Iterator[Problem]:
    if _zone_error(deployment.latest, deployment.settings.time_zone):
        return
    lags = _lags(deployment.latest)[:_LATEST]
    if lags and (median := statistics.median_low(lags)) < -_SKEW:
        yield Problem(
            f"Events arrive {-median.total_seconds():.0f} seconds before they happen.",
            "Correct the clock of the machine that runs the function, unless it is Google's.",
        )


def _no_bounces(deployment: Deployment) -> Iterator[Problem]:
    failed = [
        mail
        for mail in deployment.latest
        if mail.fields.get("status") == "failed"
        and deployment.now - mail.fields.get("status_at", deployment.now) > _BOUNCE_FOLLOWS
    ]
    if failed and not any("bounce_code" in mail.fields for mail in deployment.latest):
        yield Problem(
            f"{len(failed)} mails failed, and none of the last {len(deployment.latest)} has a"
            " bounce.",
            "Tick Bounces, with every event under it, in the settings of the webhook in CMC.",
        )


def _version_1(deployment: Deployment) -> Iterator[Problem]:
    latest = [mail.fields for mail in deployment.latest if "return_path" in mail.fields]
    # One mail alone may lack its sender in version 2, too.
    judged = latest[:_VERSION_JUDGED_BY]
    if len(judged) == _VERSION_JUDGED_BY and not any(
        {"from", "api_data"} & m.keys() for m in judged
    ):
        yield Problem(
            f"Version 1 is likely in use, because none of the latest {len(judged)} mails has a"
            " sender or an X-Api-Data, which version 1 leaves out.",
            "Choose バージョン 2 in the settings of the webhook in CMC.",
        )


def _unreadable(deployment: Deployment) -> Iterator[Problem]:
    for what, documents in deployment.documents.items():
        odd = [f"{each.id} ({', '.join(each.unreadable)})" for each in documents if each.unreadable]
        if odd:
            more = f" and {len(odd) - _MOST_NAMED:,} more" if len(odd) > _MOST_NAMED else ""
            yield Problem(
                f"Fields of {what} cannot be read, because their values are of a wrong type:"
                f" {'; '.join(odd[:_MOST_NAMED])}{more}.",
                "Look with --json, and correct or delete these fields in Firestore; until then the"
                " next event of such a mail goes to quarantine.",
            )


def _without_time(deployment: Deployment) -> Iterator[Problem]:
    odd = [
        mail.id
        for mail in deployment.documents["mails"]
        if "status" in mail.stored and mail.stored.get("status_at") is None
    ]
    if odd:
        yield Problem(
            f"{len(odd):,} mails have a status and no status_at, so no list has them:"
            f" {', '.join(odd[:_MOST_NAMED])}.",
            "Restore status_at in Firestore: it is the time of the event that decides the status.",
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
            f"Create it: {_DOCUMENT}, Indexes.",
        )


def _no_ttl(deployment: Deployment) -> Iterator[Problem]:
    due = [mail.fields.get("expires_at", deployment.now) for mail in deployment.oldest]
    if deployment.real and any(deployment.now - expiry > _TTL_GRACE for expiry in due):
        yield Problem(
            "Mails are still there days after their expires_at: the TTL policy is missing.",
            f"Create it: {_DOCUMENT}, Indexes.",
        )


_CHECKS: tuple[Callable[[Deployment], Iterator[Problem]], ...] = (
    *(_refused_settings, _doubtful_settings, _open_to_all, _short_secrets, _failed_looks),
    *(_quiet, _zone, _clock_skew, _no_bounces, _version_1, _unreadable, _without_time),
    *(_quarantine, _received_quarantine, _indexes, _no_ttl),
)


def _secrets(settings: StatusSettings) -> list[tuple[str, str]]:
    """Return each secret of *settings* with its variable; of a pair only what is secret."""
    return [
        (variable, secret if variable == API_KEYS else secret.partition(":")[2])
        for variable, secrets in settings.credentials.items()
        for secret in secrets
    ]


class _ZoneError(NamedTuple):
    """By how much times are wrong, whether that is certain, and why."""

    offset: timedelta
    certain: bool
    evidence: str


def _zone_error(mails: Sequence[Document], zone: ZoneInfo) -> _ZoneError | None:
    """Return what the latest *mails* say of a wrong time zone, None if it is right or unknown."""
    offsets = [(_queued_minus_id(mail.fields), _lag(mail)) for mail in mails]
    pairs = [(offset, lag) for offset, lag in offsets if offset is not None and lag is not None]
    if pairs:
        return _by_message_ids(pairs[:_LATEST])
    return _by_arrival(mails, zone)


def _by_message_ids(pairs: Sequence[tuple[timedelta, timedelta]]) -> _ZoneError | None:
    """
    Judge by pairs of the time from the clock in an id to its queued event, and of the lag.

    A mail that is queued long after its id was made (a scheduled one) arrives at once, and a
    backlog arrives late: only a wrong zone shows in both.
    """
    offset = _near_quarter(statistics.median_low(offset for offset, _ in pairs))
    lag = statistics.median_low(lag for _, lag in pairs)
    if not offset or abs(lag + offset) > _NEAR:
        return None
    evidence = f"the clocks in CMC's message ids and the arrival agree ({_mails(len(pairs))})"
    return _ZoneError(offset, certain=True, evidence=evidence)


def _by_arrival(mails: Sequence[Document], zone: ZoneInfo) -> _ZoneError | None:
    """Judge by the lags alone: a wrong zone makes all of them equal, a backlog does not."""
    judged = [(mail, lag) for mail in mails if (lag := _lag(mail)) is not None][:_LATEST]
    lags = [lag for _, lag in judged]
    offset = -_near_quarter(statistics.median_low(lags)) if lags else timedelta()
    if not offset or any(abs(lag + offset) > _NEAR for lag in lags):
        return None
    if offset > timedelta():
        evidence = f"events arrive before they happen ({_mails(len(lags))})"
        return _ZoneError(offset, certain=True, evidence=evidence)
    events = [_newest_event(mail) for mail, _ in judged]
    now = datetime.now(UTC).astimezone(zone).utcoffset() or timedelta()
    # A burst of mails that arrives late looks the same, unless the zone is a usual one.
    if len(lags) < _FEWEST or not (_spread(events) > _BURST or now + offset in _USUAL_ZONES):
        return None
    evidence = f"{_mails(len(lags))} arrived {_hours(offset, '', '')} after their newest event"
    return _ZoneError(offset, certain=False, evidence=f"{evidence}, unless posts were so late")


def _near_quarter(offset: timedelta) -> timedelta:
    """Return *offset* in quarters of an hour, zero if it is no offset between time zones."""
    rounded = _QUARTER * round(offset / _QUARTER)
    is_offset = _SMALLEST_OFFSET <= abs(rounded) <= _FARTHEST_ZONE
    return rounded if is_offset and abs(offset - rounded) <= _NEAR else timedelta()


def _spread(times: Sequence[datetime]) -> timedelta:
    return max(times) - min(times)


def _queued_minus_id(fields: Mapping[str, Any]) -> timedelta | None:
    """Return the time from the clock in a message id to the queued event, if both are known."""
    made_at = _clock_of(fields.get("message_id", ""))
    return fields["queued_at"] - made_at if made_at and "queued_at" in fields else None


def _clock_of(message_id: str) -> datetime | None:
    """Return the time in a message id that CMC has made; senders' own ids say nothing of it."""
    name, _, host = message_id.strip("<>").partition("@")
    if not _CMC_HOST.fullmatch(host):
        return None
    try:
        made = uuid.UUID(name)
    except ValueError:
        return None
    return _UUID_EPOCH + timedelta(microseconds=made.time // 10) if made.version == 1 else None


def _lags(mails: Sequence[Document]) -> list[timedelta]:
    return [lag for mail in mails if (lag := _lag(mail)) is not None]


def _lag(mail: Document) -> timedelta | None:
    """Return the time from the newest event of *mail* to the last post about it."""
    if not mail.fields.get("events") or "last_received_at" not in mail.fields:
        return None
    return _received(mail) - _newest_event(mail)


def _newest_event(mail: Document) -> datetime:
    times: list[datetime] = [event["at"] for event in mail.fields["events"]]
    return max(times)


def _received(mail: Document) -> datetime:
    at: datetime = mail.fields["last_received_at"]
    return at


def _hours(offset: timedelta, late: str = " late", early: str = " early") -> str:
    hours = offset.total_seconds() / 3600
    return f"{abs(hours):g} hours{late if hours > 0 else early}"


def _mails(count: int) -> str:
    return "the latest mail" if count == 1 else f"the latest {count} mails"
