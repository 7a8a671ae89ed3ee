"""What is deployed, as `functions list` tells it. Pure."""

import math
from collections.abc import Mapping
from typing import Any

from cmc_webhook.deployment.checks import at
from cmc_webhook.deployment.gcloud import Refused
from cmc_webhook.deployment.steps import FUNCTION, INBOUND, SECRET, VERSION_LABEL, Words
from cmc_webhook.settings import DEFAULTS

FUNCTIONS: Words = ("functions", "list", "--v2")
# Half of what one instance was measured to store a second in posts of one record.
_EVENTS_OF_AN_INSTANCE = 270
_FEWEST_INSTANCES, _MOST_INSTANCES = 3, 100


class Function:
    """A function from its JSON, which is empty for one that is not deployed.

    *version* is that of the code, empty where no label tells it. *variable* is read from the
    secret of keys, in its version *secret_version*; empty if none is.
    """

    def __init__(self, json: Mapping[str, Any]) -> None:
        self.json = json
        place, _, self.name = str(json.get("name", "")).rpartition("/functions/")
        self.region = place.rpartition("/")[2]
        self.url = str(at(json, "serviceConfig.uri") or "")
        self.revision = str(at(json, "serviceConfig.revision") or "").rpartition("/")[2]
        self.labels: Mapping[str, str] = at(json, "labels") or {}
        version = self.labels.get(VERSION_LABEL, "").split("-")
        self.version = tuple(int(part) for part in version if part.isdigit())
        self.variable = self.secret_version = ""
        for each in at(json, "serviceConfig.secretEnvironmentVariables") or ():
            if each.get("secret") == SECRET:
                self.variable, self.secret_version = each.get("key", ""), each.get("version", "")

    def setting(self, variable: str) -> str:
        """Return the value of the variable, the default if it has none."""
        value = at(self.json, f"serviceConfig.environmentVariables.{variable}")
        return str(value or DEFAULTS[variable])

    def key_command(self) -> Words:
        """Return the command that prints the keys in service. Raises Refused if there are none."""
        if not self.secret_version:
            raise Refused("deployed.no_key", function=self.name)
        return ("secrets", "versions", "access", self.secret_version, f"--secret={SECRET}")


def ours(found: Any) -> dict[str, Function]:
    """Return the product's functions in the answer to FUNCTIONS, by name."""
    every = map(Function, found)
    return {each.name: each for each in every if each.name in (FUNCTION, INBOUND)}


def instances(mails_per_month: int) -> int:
    """Return how many instances store all of a month's mails, of two events each, in an hour."""
    needed = math.ceil(mails_per_month * 2 / 3600 / _EVENTS_OF_AN_INSTANCE)
    return min(max(needed, _FEWEST_INSTANCES), _MOST_INSTANCES)
