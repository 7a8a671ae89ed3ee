"""What is deployed, as `functions list` tells it, and what is wanted in place of it. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cmc_webhook.deployment.checks import at, is_unchecked
from cmc_webhook.deployment.gcloud import Refused
from cmc_webhook.deployment.steps import FUNCTION, INBOUND, SECRET, VERSION_LABEL, Wanted, Words
from cmc_webhook.settings import DEFAULTS

FUNCTIONS: Words = ("functions", "list", "--v2")
_REGION, _DATABASE = "asia-northeast1", "cmc"  # Tokyo
# Half of what one instance was measured to store a second in posts of one record.
_EVENTS_OF_AN_INSTANCE = 400
_FEWEST_INSTANCES, _MOST_INSTANCES = 3, 100


@dataclass(frozen=True, slots=True)
class Function:
    """A function from its JSON, which is empty for one that is not deployed."""

    json: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The short name."""
        return str(self.json.get("name", "")).rpartition("/")[2]

    @property
    def region(self) -> str:
        """Where it is: projects/P/locations/REGION/functions/NAME."""
        return str(self.json.get("name", "")).partition("/locations/")[2].partition("/")[0]

    @property
    def url(self) -> str:
        """Where it is posted to."""
        return str(at(self.json, "serviceConfig.uri") or "")

    @property
    def version(self) -> tuple[int, ...]:
        """The version of the code, empty where no label tells it."""
        label = str(at(self.json, f"labels.{VERSION_LABEL}") or "")
        return tuple(int(part) for part in label.split("-") if part.isdigit())

    def setting(self, variable: str) -> str:
        """Return the value of the variable, the default if it has none."""
        value = at(self.json, f"serviceConfig.environmentVariables.{variable}")
        return str(value or DEFAULTS[variable])

    @property
    def keys(self) -> tuple[str, str]:
        """The variable that holds the keys, and the version it reads; both may be empty."""
        for each in at(self.json, "serviceConfig.secretEnvironmentVariables") or ():
            if each.get("secret") == SECRET:
                return str(each.get("key", "")), str(each.get("version", ""))
        return "", ""

    def key_command(self) -> Words:
        """Return the command that prints the keys in service. Raises Refused if there are none."""
        if not self.keys[1]:
            raise Refused("deployed.no_key", function=self.name)
        return ("secrets", "versions", "access", self.keys[1], f"--secret={SECRET}")


def ours(found: Any) -> dict[str, Function]:
    """Return the product's functions in the answer to FUNCTIONS, by name."""
    every = map(Function, found)
    return {each.name: each for each in every if each.name in (FUNCTION, INBOUND)}


def wanted(
    project: str,
    typed: Mapping[str, Any],
    deployed: Mapping[str, Function],
    language: str,
    services: Sequence[Any] = (),
) -> Wanted:
    """
    Return what is *typed*, else what is *deployed*, else the default.

    *services* are those of Cloud Run.
    """
    function = deployed.get(FUNCTION, Function({}))
    inbound = deployed.get(INBOUND, function)
    days, mails = typed.get("retention_days"), typed.get("mails_per_month")
    instances = at(function.json, "serviceConfig.maxInstanceCount")
    unchecked = typed.get("no_invoker_iam_check") or is_unchecked(services, FUNCTION) is not None
    return Wanted(
        project=project,
        region=typed.get("region") or function.region or _REGION,
        database=typed.get("database")
        or (function.setting("CMC_DATABASE") if function.json else _DATABASE),
        inbound=bool(typed.get("inbound")) or INBOUND in deployed,
        retention_days=int(function.setting("CMC_RETENTION_DAYS") or 0) if days is None else days,
        time_zone=function.setting("CMC_TIME_ZONE"),
        max_instances=instances if instances and not mails else _instances(mails or 0),
        collection=function.setting("CMC_COLLECTION"),
        inbound_collection=inbound.setting("CMC_INBOUND_COLLECTION"),
        allows_all_users=not unchecked,
        alert_email=typed.get("alert_email") or "",
        alerts=typed.get("alert") or (),
        mail_every=typed.get("mail_every") or 0,
        language=language,
    )


def _instances(mails_per_month: int) -> int:
    """Return how many instances store all of a month's mails, of two events each, in an hour."""
    needed = math.ceil(mails_per_month * 2 / 3600 / _EVENTS_OF_AN_INSTANCE)
    return min(max(needed, _FEWEST_INSTANCES), _MOST_INSTANCES)
