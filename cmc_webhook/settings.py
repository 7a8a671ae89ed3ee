"""Reads the settings of a deployment from environment variables. Pure."""

import difflib
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

T = TypeVar("T")


# The variables that hold credentials, one a line.
API_KEYS = "CMC_API_KEYS"
BASIC_CREDENTIALS = "CMC_BASIC_CREDENTIALS"
MAIL_KEYS = "CMC_MAIL_KEYS"
CREDENTIALS = (API_KEYS, BASIC_CREDENTIALS, MAIL_KEYS)


class SettingsError(Exception):
    """A setting is missing or invalid; the text is one sentence that names the variable."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of both functions; the table in status/README.md explains each.

    *credentials* are the accepted ones by their variable: only those variables that
    the function reads.
    """

    credentials: Mapping[str, tuple[str, ...]]
    collection: str
    database: str
    retention: timedelta | None
    log_unstored: bool


@dataclass(frozen=True, kw_only=True)
class StatusSettings(Settings):
    """The settings of the status function; *addresses*: whether it keeps their documents."""

    time_zone: ZoneInfo
    addresses: bool
    address_collection: str


@dataclass(frozen=True, kw_only=True)
class InboundSettings(Settings):
    """The settings of the function for received mail."""

    attachment_bucket: str


class RestSettings(NamedTuple):
    """How `reconcile` asks CMC's REST API, and for which server compositions."""

    user: str
    key: str
    compositions: tuple[str, ...]
    daily_requests: int
    url: str


# Every variable that is read, and its value when unset or empty.
DEFAULTS = {
    API_KEYS: "",
    BASIC_CREDENTIALS: "",
    "CMC_ALLOW_UNAUTHENTICATED": "false",
    "CMC_TIME_ZONE": "Asia/Tokyo",
    "CMC_COLLECTION": "mail_statuses",
    "CMC_ADDRESSES": "true",
    "CMC_ADDRESS_COLLECTION": "mail_addresses",
    "CMC_DATABASE": "(default)",
    "CMC_RETENTION_DAYS": "",
    "CMC_LOG_UNSTORED": "false",
    "CMC_INBOUND_COLLECTION": "inbound_mails",
    "CMC_ATTACHMENT_BUCKET": "",
    MAIL_KEYS: "",
    "CMC_REST_USER": "",
    "CMC_REST_KEY": "",
    "CMC_COMPOSITIONS": "",
    "CMC_DAILY_REQUESTS": "",
    "CMC_REST_URL": "https://api.smtps.jp/transaction/v2",
}


def from_env(environ: Mapping[str, str]) -> StatusSettings:
    """Return the settings of the status function in *environ*. Raises SettingsError."""
    return StatusSettings(
        **_shared(environ, (API_KEYS, BASIC_CREDENTIALS)),
        collection=_read(environ, _collection, "CMC_COLLECTION"),
        time_zone=_read(environ, _time_zone, "CMC_TIME_ZONE"),
        addresses=_read(environ, _boolean, "CMC_ADDRESSES"),
        address_collection=_read(environ, _collection, "CMC_ADDRESS_COLLECTION"),
    )


def inbound_from_env(environ: Mapping[str, str]) -> InboundSettings:
    """Return the settings of the function for received mail. Raises SettingsError."""
    return InboundSettings(
        **_shared(environ, CREDENTIALS),
        collection=inbound_collection(environ),
        attachment_bucket=_read(environ, _bucket, "CMC_ATTACHMENT_BUCKET"),
    )


def rest_from_env(environ: Mapping[str, str]) -> RestSettings:
    """Return the settings for CMC's REST API. Raises SettingsError."""
    needed = ("CMC_REST_USER", "CMC_REST_KEY", "CMC_COMPOSITIONS")
    [user, *_], [key, *_], compositions = (_read(environ, _needed, name) for name in needed)
    number = _read(environ, _number, "CMC_DAILY_REQUESTS") or len(compositions)
    return RestSettings(user, key, compositions, number, _read(environ, _rest_url, "CMC_REST_URL"))


def inbound_collection(environ: Mapping[str, str]) -> str:
    """Return the collection of received mail. Raises SettingsError."""
    return _read(environ, _collection, "CMC_INBOUND_COLLECTION")


def _refuse_one_collection_for_two(environ: Mapping[str, str]) -> None:
    names = {
        variable: _read(environ, _collection, variable)
        for variable in ("CMC_COLLECTION", "CMC_INBOUND_COLLECTION", "CMC_ADDRESS_COLLECTION")
    }
    for one, other in itertools.permutations(names, 2):
        if names[one] in (names[other], f"{names[other]}_quarantine"):
            raise SettingsError(
                f"{one}={names[one]!r} and {other}={names[other]!r} must be two collections, and"
                " neither the other's quarantine."
            )


def _shared(environ: Mapping[str, str], variables: Sequence[str]) -> dict[str, Any]:
    _refuse_one_collection_for_two(environ)
    return {
        "credentials": _credentials(environ, variables),
        "database": _read(environ, _database, "CMC_DATABASE"),
        "retention": _read(environ, _days, "CMC_RETENTION_DAYS"),
        "log_unstored": _read(environ, _boolean, "CMC_LOG_UNSTORED"),
    }


def _credentials(
    environ: Mapping[str, str], variables: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return the credentials in *variables*, at least one unless none is expressly allowed."""
    found = {variable: _read(environ, _PARSERS[variable], variable) for variable in variables}
    allowed = _read(environ, _boolean, "CMC_ALLOW_UNAUTHENTICATED")
    if not (any(found.values()) or allowed):
        names = f"{', '.join(variables[:-1])} and {variables[-1]}"
        raise SettingsError(
            f"{names} are {'both' if len(variables) == 2 else 'all'} empty: set one of them to what"
            " is entered in CMC, or CMC_ALLOW_UNAUTHENTICATED=true to accept posts from anybody."
        )
    return found


def _read(environ: Mapping[str, str], read_value: Callable[[str, str], T], variable: str) -> T:
    return read_value(variable, environ.get(variable, "").strip() or DEFAULTS[variable])


def doubtful_settings(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each setting that is valid and probably a mistake."""
    keys = _lines(API_KEYS, environ.get(API_KEYS, ""))
    return unknown_variables(environ) + [
        f"{API_KEYS}: entry {position} has a comma in it; several keys stand on lines of their own."
        for position, key in enumerate(keys, 1)
        if "," in key
    ]


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each CMC_ variable that this version does not know."""
    return [
        f"{name} is not a setting of this version and has no effect; did you mean"
        f" {difflib.get_close_matches(name, DEFAULTS, n=1, cutoff=0)[0]}?"
        for name in sorted(environ.keys() - DEFAULTS.keys())
        if name.startswith("CMC_")
    ]


def _lines(variable: str, value: str) -> tuple[str, ...]:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"{variable} is not UTF-8.") from None
    # Windows editors save a byte order mark, which is no part of a secret.
    lines = value.replace("\ufeff", "").splitlines()
    return tuple(filter(None, map(str.strip, lines)))


def _needed(variable: str, value: str) -> tuple[str, ...]:
    lines = _lines(variable, value)
    if not lines:
        raise SettingsError(f"{variable} is not set: CMC's REST API is asked with it.")
    return lines


def _rest_url(variable: str, value: str) -> str:
    # The key goes there, so in clear text to this machine only.
    is_safe = re.match(r"https://[^@]+$|http://(127\.0\.0\.1|localhost)(:\d+)?(/|$)", value)
    with suppress(ValueError):  # of a port that is too high
        if is_safe and urlsplit(value).port != 0:
            return value.rstrip("/")
    raise SettingsError(
        f"{variable} must be an https URL, or one of this machine; a port is from 1 to 65535."
    )


def _pairs(variable: str, value: str, form: str) -> tuple[str, ...]:
    lines = _lines(variable, value)
    for position, line in enumerate(lines, 1):
        if ":" not in line or line == ":":
            raise SettingsError(f"{variable}: entry {position} is not of the form {form}.")
    return lines


def _api_keys(variable: str, value: str) -> tuple[str, ...]:
    keys = _lines(variable, value)
    for position, key in enumerate(keys, 1):
        # A header takes nothing else, and CMC's key is ASCII (seen in every example).
        if not (key.isascii() and key.isprintable()):
            raise SettingsError(
                f"{variable}: entry {position} has characters that are not printable ASCII, so no"
                " sender can send it; save the secret as plain text."
            )
        if key[0] == key[-1] and key[0] in "\"'" and len(key) > 1:
            raise SettingsError(
                f"{variable}: entry {position} is in quotes; enter the key without them."
            )
    return keys


_PARSERS: dict[str, Callable[[str, str], tuple[str, ...]]] = {
    API_KEYS: _api_keys,
    BASIC_CREDENTIALS: partial(_pairs, form="user:password"),
    MAIL_KEYS: partial(_pairs, form="key:secret"),
}


def _boolean(variable: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise SettingsError(f"{variable} must be true or false.")
    return value.lower() == "true"


def _time_zone(variable: str, value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"{variable}={value!r} is not a time zone; use a name such as Asia/Tokyo or UTC."
        ) from error


def _collection(variable: str, value: str) -> str:
    # https://cloud.google.com/firestore/quotas#collections_documents_and_fields
    if "/" in value or value in (".", "..") or re.fullmatch("__.*__", value) or len(value) > 200:
        raise SettingsError(f"{variable}={value!r} is not a valid Firestore collection name.")
    return value


def _database(variable: str, value: str) -> str:
    # https://cloud.google.com/firestore/docs/manage-databases#database_id
    if value != "(default)" and not re.fullmatch("[a-z][a-z0-9-]{2,61}[a-z0-9]", value):
        raise SettingsError(f"{variable}={value!r} is not a valid Firestore database id.")
    return value


def _bucket(variable: str, value: str) -> str:
    # https://cloud.google.com/storage/docs/buckets#naming
    if not re.fullmatch("[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", value):
        raise SettingsError(f"{variable}={value!r} is not a valid Cloud Storage bucket name.")
    return value


def _days(variable: str, value: str) -> timedelta | None:
    number = _number(variable, value)
    return timedelta(days=number) if number else None


def _number(variable: str, value: str) -> int:
    """Return the number, 0 for none."""
    if not re.fullmatch("([1-9][0-9]{0,4})?", value):
        raise SettingsError(f"{variable}={value!r} must be a whole number from 1 to 99999.")
    return int(value or 0)
