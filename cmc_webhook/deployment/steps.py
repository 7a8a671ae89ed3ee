"""The steps of a deployment, from the table in steps.toml. Pure, but for the files of the checkout.

A command is a tuple of words of gcloud without the project, which whoever runs or prints it adds.
"""

import hashlib
import shlex
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cmc_webhook import __version__
from cmc_webhook.deployment import alerts, checks
from cmc_webhook.reading.indexes import Queries, all_queries
from cmc_webhook.reading.language import texts
from cmc_webhook.settings import DEFAULTS

Words = tuple[str, ...]

ROOT = Path(__file__).parents[2]  # the checkout, whose files are uploaded
FUNCTION, INBOUND = "cmc-webhook", "cmc-inbound"
SECRET = "cmc-api-keys"


def code_digest() -> str:
    """Return a digest of the files that are uploaded."""
    folders = (ROOT / "cmc_webhook", ROOT / "cmc_webhook/status", ROOT / "cmc_webhook/inbound")
    files = [f for folder in folders for f in folder.glob("*.py") if f.name != "__main__.py"]
    others = ("main.py", "requirements.txt", "cmc_webhook/status/diagnosis.toml")
    digest = hashlib.sha256()
    for path in sorted([*files, *(ROOT / name for name in others)]):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


VERSION_LABEL = "cmc-webhook-version"
# What a function is marked with, to see whether its code is that of the checkout.
LABELS = {VERSION_LABEL: __version__.replace(".", "-"), "cmc-webhook-code": code_digest()}


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """One thing that a deployment has. The head of steps.toml says what each field is."""

    name: str
    subject: str
    look: Words
    check: Words
    make: Words
    role: str
    change: Words | None = None
    exists: Words = ()
    new_key: bool = False
    file: str = ""
    values: Mapping[str, Sequence[Words]] = field(default_factory=dict)
    undo: Words = ()
    after: str = ""
    slow: bool = False
    settles: bool = False

    def differs(self, found: Any) -> Sequence[str] | None:
        """Return None if the thing is not in what *look* answered, else what is wrong with it."""
        name, *arguments = self.check
        check: Callable[..., Sequence[str] | None] = getattr(checks, name)
        more = {"is_deployed": self.make, "is_alert": (self.file,)}.get(name, ())
        return check(found, *arguments, *more)

    def mend(self, differences: Sequence[str] | None) -> Words:
        """Return the command for a thing that differs so, empty if there is none."""
        return self.make if differences is None or self.change is None else self.change


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be deployed. *retention_days* 0 keeps mails for ever."""

    project: str
    region: str
    database: str
    inbound: bool = False
    retention_days: int = 0
    time_zone: str = DEFAULTS["CMC_TIME_ZONE"]
    max_instances: int = 3
    collection: str = DEFAULTS["CMC_COLLECTION"]
    inbound_collection: str = DEFAULTS["CMC_INBOUND_COLLECTION"]
    address_collection: str = DEFAULTS["CMC_ADDRESS_COLLECTION"]
    allows_all_users: bool = True  # else the check of callers is switched off
    alert_email: str = ""
    alerts: Sequence[str] = ()  # besides the default ones
    mail_every: int = 0  # hours without a post before a mail says so, 0 for never

    @property
    def queries(self) -> list[Queries]:
        """The queries over the collections of these functions."""
        received = (self.inbound_collection, f"{self.inbound_collection}_quarantine")
        every = all_queries(self.collection, self.inbound_collection, self.address_collection)
        return [each for each in every if self.inbound or each.collection not in received]

    @property
    def bucket(self) -> str:
        """The bucket of attachments."""
        return f"{self.project}-inbound-mails"


Names = Mapping[str, object]


def table(wanted: Wanted) -> list[Step]:
    """Return the steps in the order in which they are taken."""
    names = _names(wanted)
    lists = _lists(wanted)
    return [
        _step(entry, {**names, **each})
        for entry in file()["step"]
        for each in lists[entry.get("each", "one")]
    ]


@cache
def file() -> dict[str, Any]:
    """Return the content of steps.toml."""
    return tomllib.loads(Path(__file__).with_name("steps.toml").read_text(encoding="utf-8"))


def regions() -> list[str]:
    """Return the regions that have both Cloud Run functions and Firestore."""
    return str(file()["regions"]).split()


def _step(entry: Mapping[str, Any], names: Names) -> Step:
    def words(text: str) -> Words:
        return tuple(shlex.split(text.format(**names)))

    step: dict[str, Any] = {key: value for key, value in entry.items() if key != "each"}
    commands = ("look", "check", "make", "change", "exists", "undo")
    step |= {key: words(entry[key]) for key in commands if key in entry}
    for key in ("subject", "file", "after"):
        step[key] = entry.get(key, "").format(**names)
    step["values"] = {
        name: [words(text) for text in texts] for name, texts in entry.get("values", {}).items()
    }
    return Step(**step)


def _names(wanted: Wanted) -> Names:
    lists = file()["apis"]
    apis = [api for key in lists if getattr(wanted, key, True) for api in lists[key]]
    account = f"cmc-webhook@{wanted.project}.iam.gserviceaccount.com"
    return {
        **asdict(wanted),
        "bucket": wanted.bucket,
        "posts": alerts.POSTS,
        "account": account,
        "build_account": account.replace("@", "-build@"),
        "services": ", ".join(apis),
        "apis": " ".join(f"{name}.googleapis.com" for name in apis),
        "labels": ",".join(f"{name}={value}" for name, value in LABELS.items()),
    }


def _lists(wanted: Wanted) -> dict[str, list[Names]]:
    """Return what there is one step for each of; a list times False is empty."""
    functions = [_function(wanted, name) for name in (FUNCTION, *[INBOUND] * wanted.inbound)]
    policies = alerts.policies(wanted.alerts, wanted.mail_every, texts())
    of_alerts: list[Names] = [{"alert": name, "policy": policies[name]} for name in policies]
    alerted = bool(wanted.alert_email)
    days = {"days": wanted.retention_days + 1}
    collections = [(each, {"collection": each.collection}) for each in wanted.queries]
    return {
        "one": [{}],
        "inbound": [{}] * wanted.inbound,
        "object_days": [days] * (wanted.inbound and wanted.retention_days > 0),
        "alerted": [{}] * alerted,
        "silence": [{}] * (alerted and wanted.mail_every > 0),
        "alerts": of_alerts * alerted,
        "functions": functions,
        "checked_functions": functions * wanted.allows_all_users,
        "unchecked_functions": functions * (not wanted.allows_all_users),
        "expiring": [names for each, names in collections if "expires_at" in each.fields],
        "exempted": [
            {**names, "field": name} for each, names in collections for name in each.exempted()
        ],
        "filtered": [
            {**names, "field": name, "mode": mode, "last": last}
            for each, names in collections
            for name, mode, last in each.composites()
        ],
    }


def _function(wanted: Wanted, name: str) -> Names:
    function = file()["functions"][name]
    values = {**asdict(wanted), "bucket": wanted.bucket, "days": wanted.retention_days or ""}
    chosen = {key: values[field] for key, field in function["unless_default"].items()}
    environ = [function["environ"].format(**values, **function)]
    environ += [f"{key}={value}" for key, value in chosen.items() if value != DEFAULTS[key]]
    return {**function, "function": name, "environ": ",".join(environ)}
