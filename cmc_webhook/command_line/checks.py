"""The checks of `doctor`: what can be wrong with a deployment, and what to do. Pure."""

import re
import statistics
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
# Posts that were late by the same time would look like this, too.
_LIKELY = "arrival_early"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, `finding.<name>`, and what to do about it, `remedy.<remedy or name>`."""

    name: str
    values: Mapping[str, object] = field(default_factory=dict)
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The state of a deployment."""

    environ: Mapping[str, str]
    settings: StatusSettings
    refused_setting: str  # the sentence on a credential with which the function does not start
    real: bool  # a project of Google, not the local Firestore
    now: datetime
    found: Mapping[str, Any]  # what each look found, empty for one that failed
    failed_looks: Mapping[str, Sequence[str]]  # what could not be read, by the error

    @property
    def latest(self) -> Sequence[Document]:
        """The mails written last, the latest first."""
        found: Sequence[Document] = self.found["mails"]
        return found


def problems(deployment: Deployment) -> dict[str, list[Problem]]:
    """Return everything that is wrong, by the name of the check that finds it."""
    return {name: list(check(deployment)) for name, check in _CHECKS.items()}


def bounces_alone(mails: Sequence[Document]) -> tuple[int, int]:
    """Return how many bounces have no delivery event for their recipient, and of how many."""
    bounced = [m for m in mails if "bounced_at" in m.fields or "suppressed_at" in m.fields]
    return sum(is_bounce_alone(mail.fields) for mail in bounced), len(bounced)


def _settings(deployment: Deployment) -> Iterator[Problem]:
    if sentence := deployment.refused_setting:
        yield Problem("refused_setting", {"sentence": sentence})
    for sentence in doubtful_settings(deployment.environ):
        yield Problem("doubtful_setting", {"sentence": sentence})


def _credentials(deployment: Deployment) -> Iterator[Problem]:
    # Of a pair only a part is secret.
    secrets = [
        (name, each if name == API_KEYS else each.partition(":")[2])
        for name, values in deployment.settings.credentials.items()
        for each in values
    ]
    allowed = deployment.environ.get("CMC_ALLOW_UNAUTHENTICATED", "").strip().lower() == "true"
    if allowed and not (deployment.refused_setting or secrets):
        yield Problem("open_to_all")
    for name, secret in secrets:
        if len(secret) < _SHORTEST_SECRET:
            yield Problem("short_secret", {"variable": name, "length": _SHORTEST_SECRET})


def _reading(deployment: Deployment) -> Iterator[Problem]:
    for error, looks in deployment.failed_looks.items():
        yield Problem("failed_look", {"looks": looks, "error": error})


def _arrival(deployment: Deployment) -> Iterator[Problem]:
    if not deployment.latest:
        if not deployment.failed_looks:
            yield Problem("nothing_received", remedy="quiet")
        return
    quiet = deployment.now - deployment.latest[0].fields["last_received_at"]
    if quiet > _QUIET:
        yield Problem("quiet", {"days": quiet.days})


def _zone(deployment: Deployment) -> Iterator[Problem]:
    zone = deployment.settings.time_zone
    if error := _zone_error(deployment.latest, zone):
        hours = f"{abs(error.offset.total_seconds()) / 3600:g}"
        yield Problem(
            f"zone_{error.evidence}",
            {"hours": hours, "mails": error.mails, "zone": zone.key},
            "zone_perhaps" if error.evidence == _LIKELY else "zone",
        )


def _clock(deployment: Deployment) -> Iterator[Problem]:
    if _zone_error(deployment.latest, deployment.settings.time_zone):
        return
    lags = [arrival.lag for arrival in _arrivals(deployment.latest)][:_LATEST]
    if lags and (median := statistics.median_low(lags)) < -_SKEW:
        yield Problem("clock", {"seconds": f"{-median.total_seconds():.0f}"})


def _bounces(deployment: Deployment) -> Iterator[Problem]:
    failed = [
        mail
        for mail in deployment.latest
        if mail.fields.get("status") == "failed"
        and deployment.now - mail.fields.get("status_at", deployment.now) > _BOUNCE_FOLLOWS
    ]
    if failed and not any("bounce_code" in mail.fields for mail in deployment.latest):
        yield Problem("no_bounces", {"failed": len(failed), "mails": len(deployment.latest)})


def _version(deployment: Deployment) -> Iterator[Problem]:
    latest = [mail.fields for mail in deployment.latest if "return_path" in mail.fields]
    # One mail alone may lack its sender in version 2, too.
    judged = latest[:_VERSION_JUDGED_BY]
    if len(judged) == _VERSION_JUDGED_BY and not any(
        {"from", "api_data"} & m.keys() for m in judged
    ):
        yield Problem("version_1", {"mails": len(judged)})


def _documents(deployment: Deployment) -> Iterator[Problem]:
    found = deployment.found
    mails = [*found["mails"], *found["odd_mails"]]
    others = {name: found[name] for name in ("entries", "received_mails", "received_entries")}
    for what, documents in {"mails": mails, **others}.items():
        odd = [f"{each.id} ({', '.join(each.unreadable)})" for each in documents if each.unreadable]
        if odd:
            yield Problem("unreadable", {"looks": [what], "documents": odd})
    timeless = [
        mail.id
        for mail in mails
        if "status" in mail.stored and mail.stored.get("status_at") is None
    ]
    if timeless:
        yield Problem("without_time", {"documents": timeless})


def _quarantine(deployment: Deployment) -> Iterator[Problem]:
    for name in ("quarantined", "received_quarantined"):
        if count := deployment.found[name]:
            yield Problem(name, {"count": f"{count:,}"})


def _indexes(deployment: Deployment) -> Iterator[Problem]:
    for field_name in deployment.found["indexes"]:
        yield Problem("index", {"field": field_name}, "expiry_and_indexes")


def _expiry(deployment: Deployment) -> Iterator[Problem]:
    due = [mail.fields.get("expires_at", deployment.now) for mail in deployment.found["oldest"]]
    if deployment.real and any(deployment.now - expiry > _TTL_GRACE for expiry in due):
        yield Problem("no_ttl", remedy="expiry_and_indexes")


_CHECKS = {
    check.__name__.removeprefix("_"): check
    for check in (
        *(_settings, _credentials, _reading, _arrival, _zone, _clock),
        *(_bounces, _version, _documents, _quarantine, _indexes, _expiry),
    )
}


class _Arrival(NamedTuple):
    """How a mail arrived: what its times differ by."""

    newest: datetime  # of its events
    lag: timedelta  # from there to the last post about it
    offset: timedelta | None  # from the clock in its message id, if known, to its queued event


class _ZoneError(NamedTuple):
    """By how much times are wrong, how that was seen, and by how many mails."""

    offset: timedelta
    evidence: str
    mails: int


def _arrivals(mails: Iterable[Document]) -> Iterator[_Arrival]:
    for fields in (mail.fields for mail in mails):
        if fields.get("events") and "last_received_at" in fields:
            newest = max(event["at"] for event in fields["events"])
            made_at = _clock_of(fields.get("message_id", ""))
            offset = fields["queued_at"] - made_at if made_at and "queued_at" in fields else None
            yield _Arrival(newest, fields["last_received_at"] - newest, offset)


def _zone_error(mails: Iterable[Document], zone: ZoneInfo) -> _ZoneError | None:
    """Return what the latest *mails* say of a wrong time zone, None if it is right or unknown."""
    arrivals = list(_arrivals(mails))
    offsets = [(each.offset, each.lag) for each in arrivals if each.offset is not None]
    if offsets:
        return _by_message_ids(offsets[:_LATEST])
    return _by_arrival(arrivals[:_LATEST], zone)


def _by_message_ids(offsets: Sequence[tuple[timedelta, timedelta]]) -> _ZoneError | None:
    """Judge by pairs of the time from the clock in an id to its queued event, and of the lag."""
    # A mail that is queued long after its id was made (a scheduled one) arrives at once, and a
    # backlog arrives late: only a wrong zone shows in both.
    offset = _near_quarter(statistics.median_low(offset for offset, _ in offsets))
    lag = statistics.median_low(lag for _, lag in offsets)
    if not offset or abs(lag + offset) > _NEAR:
        return None
    return _ZoneError(offset, "ids_late" if offset > timedelta() else "ids_early", len(offsets))


def _by_arrival(arrivals: Sequence[_Arrival], zone: ZoneInfo) -> _ZoneError | None:
    """Judge by the lags alone: a wrong zone makes all of them equal, a backlog does not."""
    lags = [each.lag for each in arrivals]
    offset = -_near_quarter(statistics.median_low(lags)) if lags else timedelta()
    if not offset or any(abs(lag + offset) > _NEAR for lag in lags):
        return None
    if offset > timedelta():
        return _ZoneError(offset, "arrival_late", len(lags))
    events = [each.newest for each in arrivals]
    now = datetime.now(UTC).astimezone(zone).utcoffset() or timedelta()
    # A burst of mails that arrives late looks the same, unless the zone is a usual one.
    is_burst = max(events) - min(events) <= _BURST
    if len(lags) < _FEWEST or (is_burst and now + offset not in _USUAL_ZONES):
        return None
    return _ZoneError(offset, _LIKELY, len(lags))


def _near_quarter(offset: timedelta) -> timedelta:
    """Return *offset* in quarters of an hour, zero if it is no offset between time zones."""
    rounded = _QUARTER * round(offset / _QUARTER)
    is_offset = _SMALLEST_OFFSET <= abs(rounded) <= _FARTHEST_ZONE
    return rounded if is_offset and abs(offset - rounded) <= _NEAR else timedelta()


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
