"""What a deployment decides, read once from its environment. Pure."""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

T = TypeVar("T")


class SettingsError(Exception):
    """A setting is missing or bad; the text is one sentence that names the variable."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What both functions read. The README's table says what each setting means."""

    api_keys: tuple[str, ...]
    basic_credentials: tuple[str, ...]
    mail_keys: tuple[str, ...] = ()
    allow_unauthenticated: bool
    collection: str
    database: str
    retention: timedelta | None
    log_unstored: bool


@dataclass(frozen=True, kw_only=True)
class StatusSettings(Settings):
    """What the status function reads."""

    time_zone: ZoneInfo


@dataclass(frozen=True, kw_only=True)
class InboundSettings(Settings):
    """What the function for received mail reads."""

    attachment_bucket: str


# Every variable that is read, and what an empty one means.
DEFAULTS = {
    "CMC_API_KEYS": "",
    "CMC_BASIC_CREDENTIALS": "",
    "CMC_ALLOW_UNAUTHENTICATED": "false",
    "CMC_TIME_ZONE": "Asia/Tokyo",
    "CMC_COLLECTION": "mail_statuses",
    "CMC_DATABASE": "(default)",
    "CMC_RETENTION_DAYS": "",
    "CMC_LOG_UNSTORED": "false",
    "CMC_INBOUND_COLLECTION": "inbound_mails",
    "CMC_ATTACHMENT_BUCKET": "",
    "CMC_MAIL_KEYS": "",
}


def from_env(environ: Mapping[str, str]) -> StatusSettings:
    """Return the settings of the status function in *environ*, or raise SettingsError."""
    settings = StatusSettings(
        **_shared(environ),
        collection=_read(environ, _collection, "CMC_COLLECTION"),
        time_zone=_read(environ, _time_zone, "CMC_TIME_ZONE"),
    )
    _require_credentials(settings, "CMC_API_KEYS and CMC_BASIC_CREDENTIALS are both empty")
    return settings


def inbound_from_env(environ: Mapping[str, str]) -> InboundSettings:
    """Return the settings for received mail in *environ*, or raise SettingsError."""
    settings = InboundSettings(
        **_shared(environ),
        mail_keys=_read(environ, _mail_keys, "CMC_MAIL_KEYS"),
        collection=inbound_collection(environ),
        attachment_bucket=_read(environ, _bucket, "CMC_ATTACHMENT_BUCKET"),
    )
    _require_credentials(
        settings, "CMC_API_KEYS, CMC_BASIC_CREDENTIALS and CMC_MAIL_KEYS are all empty"
    )
    return settings


def inbound_collection(environ: Mapping[str, str]) -> str:
    """Return the collection of received mail in *environ*, or raise SettingsError."""
    return _read(environ, _collection, "CMC_INBOUND_COLLECTION")


def _shared(environ: Mapping[str, str]) -> dict[str, Any]:
    return {
        "api_keys": _read(environ, _lines, "CMC_API_KEYS"),
        "basic_credentials": _read(environ, _basic_credentials, "CMC_BASIC_CREDENTIALS"),
        "allow_unauthenticated": _read(environ, _boolean, "CMC_ALLOW_UNAUTHENTICATED"),
        "database": _read(environ, _database, "CMC_DATABASE"),
        "retention": _read(environ, _days, "CMC_RETENTION_DAYS"),
        "log_unstored": _read(environ, _boolean, "CMC_LOG_UNSTORED"),
    }


def _read(environ: Mapping[str, str], read_value: Callable[[str, str], T], variable: str) -> T:
    return read_value(variable, environ.get(variable, "").strip() or DEFAULTS[variable])


def _require_credentials(settings: Settings, missing: str) -> None:
    secrets = settings.api_keys or settings.basic_credentials or settings.mail_keys
    if not (secrets or settings.allow_unauthenticated):
        raise SettingsError(
            f"{missing}: set one of them to what is entered in CMC, or"
            " CMC_ALLOW_UNAUTHENTICATED=true to accept posts from anybody."
        )


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each CMC_ variable that no version up to this one knows."""
    unknown = sorted(name for name in environ if name.startswith("CMC_") and name not in DEFAULTS)
    return [_unknown(name) for name in unknown]


def _unknown(name: str) -> str:
    nearest = difflib.get_close_matches(name, DEFAULTS, n=1, cutoff=0)[0]
    return f"{name} is not a setting of this version and has no effect; did you mean {nearest}?"


def _lines(variable: str, value: str) -> tuple[str, ...]:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"{variable} is not UTF-8.") from None
    return tuple(filter(None, map(str.strip, value.splitlines())))


def _basic_credentials(variable: str, value: str) -> tuple[str, ...]:
    return _pairs(variable, value, "user:password")


def _mail_keys(variable: str, value: str) -> tuple[str, ...]:
    return _pairs(variable, value, "key:secret")


def _pairs(variable: str, value: str, form: str) -> tuple[str, ...]:
    lines = _lines(variable, value)
    for position, line in enumerate(lines, 1):
        if ":" not in line or line == ":":
            raise SettingsError(f"{variable}: entry {position} is not of the form {form}.")
    return lines


def _boolean(variable: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise SettingsError(f"{variable} must be true or false.")
    return value.lower() == "true"


def _time_zone(variable: str, value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"{variable}={value!r} is no time zone; use a name such as Asia/Tokyo or UTC."
        ) from error


def _collection(variable: str, value: str) -> str:
    # https://cloud.google.com/firestore/quotas#collections_documents_and_fields
    if "/" in value or value in (".", "..") or re.fullmatch("__.*__", value) or len(value) > 200:
        raise SettingsError(f"{variable}={value!r} is no name for a collection of Firestore.")
    return value


def _database(variable: str, value: str) -> str:
    # https://cloud.google.com/firestore/docs/manage-databases#database_id
    if value != "(default)" and not re.fullmatch("[a-z][a-z0-9-]{2,61}[a-z0-9]", value):
        raise SettingsError(f"{variable}={value!r} is no id of a Firestore database.")
    return value


def _bucket(variable: str, value: str) -> str:
    # https://cloud.google.com/storage/docs/buckets#naming
    if not re.fullmatch("[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", value):
        raise SettingsError(f"{variable}={value!r} is no name of a Cloud Storage bucket.")
    return value


def _days(variable: str, value: str) -> timedelta | None:
    if not value:
        return None
    if not re.fullmatch("[1-9][0-9]{0,4}", value):
        raise SettingsError(f"{variable}={value!r} must be a whole number of days from 1 to 99999.")
    return timedelta(days=int(value))
