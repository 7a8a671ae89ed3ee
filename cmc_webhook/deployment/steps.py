"""
The steps of a deployment, from the table in steps.toml. Pure, but for the files of the checkout.

A command is a tuple of words of gcloud without the project, which whoever runs or prints it adds.
"""

import hashlib
import shlex
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
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
_APIS = ("cloudfunctions", "run", "cloudbuild", "artifactregistry", "firestore", "secretmanager",
         "iam", "cloudresourcemanager", "logging")  # fmt: skip
# Measured: 8 threads of the status function need 1 GiB; 3 raw mails of 29 MB at once take 306 MiB.
_SIZES = {FUNCTION: {"threads": 8, "timeout_s": 30}, INBOUND: {"threads": 3, "timeout_s": 60}}


def code_digest() -> str:
    """Return a digest of the files that are uploaded."""
    folders = (ROOT / "cmc_webhook", ROOT / "cmc_webhook/status", ROOT / "cmc_webhook/inbound")
    files = [path for folder in folders for path in folder.glob("*.py")]
    files = [path for path in files if path.name != "__main__.py"]
    digest = hashlib.sha256()
    for path in sorted([*files, ROOT / "main.py", ROOT / "requirements.txt"]):
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
        for entry in _file()["step"]
        for each in lists[entry.get("each", "one")]
    ]


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("steps.toml").read_text(encoding="utf-8"))


def regions() -> list[str]:
    """Return the regions that have both Cloud Run functions and Firestore."""
    return str(_file()["regions"]).split()


def _step(entry: Mapping[str, Any], names: Names) -> Step:
    def words(text: str) -> Words:
        return tuple(shlex.split(text.format(**names)))

    step: dict[str, Any] = {key: value for key, value in entry.items() if key != "each"}
    for key in ("look", "check", "make", "change", "exists", "undo"):
        if key in entry:
            step[key] = words(entry[key])
    for key in ("subject", "file", "after"):
        step[key] = entry.get(key, "").format(**names)
    step["values"] = {
        name: [words(text) for text in texts] for name, texts in entry.get("values", {}).items()
    }
    return Step(**step)


def _names(wanted: Wanted) -> Names:
    """Return the names of which every step of the table may speak."""
    apis = [*_APIS, *(["storage"] if wanted.inbound else [])]
    apis += ["monitoring"] if wanted.alert_email else []
    account = f"cmc-webhook@{wanted.project}.iam.gserviceaccount.com"
    return {
        **asdict(wanted),
        "bucket": wanted.bucket,
        "posts": alerts.POSTS,
        "account": account,
        "build_account": account.replace("@", "-build@"),
        "services": ", ".join(apis),
        "apis": " ".join(f"{name}.googleapis.com" for name in apis),
        "labels": _pairs(LABELS),
    }


def _lists(wanted: Wanted) -> dict[str, list[Names]]:
    """Return what there is one step for each of."""

    def if_(condition: object, names: Iterable[Names] = ({},)) -> list[Names]:
        return list(names) if condition else []

    functions = [
        _function(wanted, name) for name in (FUNCTION, *([INBOUND] if wanted.inbound else []))
    ]
    policies = alerts.policies(wanted.alerts, wanted.mail_every, texts())
    with_alerts = bool(wanted.alert_email)
    return {
        "one": [{}],
        "inbound": if_(wanted.inbound),
        "object_days": if_(
            wanted.inbound and wanted.retention_days, [{"days": wanted.retention_days + 1}]
        ),
        "alerted": if_(with_alerts),
        "silence": if_(with_alerts and wanted.mail_every),
        "alerts": if_(
            with_alerts, ({"alert": name, "policy": policies[name]} for name in policies)
        ),
        "functions": functions,
        "checked_functions": if_(wanted.allows_all_users, functions),
        "unchecked_functions": if_(not wanted.allows_all_users, functions),
        "expiring": [
            {"collection": each.collection}
            for each in wanted.queries
            if "expires_at" in each.fields
        ],
        "exempted": [
            {"collection": each.collection, "field": name}
            for each in wanted.queries
            for name in each.exempted()
        ],
        "filtered": [
            {
                "collection": each.collection,
                "field": name,
                "mode": gcloud,
                "newest_by": each.newest_by,
            }
            for each in wanted.queries
            for name, gcloud, _ in each.composites()
        ],
    }


def _function(wanted: Wanted, name: str) -> Names:
    size = _SIZES[name]
    environ = {
        "GOOGLE_CLOUD_PROJECT": wanted.project,
        "CMC_DATABASE": wanted.database,
        "CMC_RETENTION_DAYS": str(wanted.retention_days or ""),
        "THREADS": str(size["threads"]),
    }
    collection = {
        "CMC_COLLECTION": wanted.collection,
        "CMC_ADDRESS_COLLECTION": wanted.address_collection,
    }
    if name == INBOUND:
        environ["CMC_ATTACHMENT_BUCKET"] = wanted.bucket
        collection = {"CMC_INBOUND_COLLECTION": wanted.inbound_collection}
    else:
        environ["CMC_TIME_ZONE"] = wanted.time_zone
    environ |= {key: value for key, value in collection.items() if value != DEFAULTS[key]}
    return {
        "function": name,
        "entry_point": name.replace("-", "_"),
        "environ": _pairs(environ),
        **size,
    }


def _pairs(values: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in values.items())
