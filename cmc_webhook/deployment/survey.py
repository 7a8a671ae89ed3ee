"""Looks at what is there, step by step. Changes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cmc_webhook.deployment.alerts import chosen
from cmc_webhook.deployment.checks import BUILDING, of_name
from cmc_webhook.deployment.deployed import FUNCTIONS, Function, ours, wanted
from cmc_webhook.deployment.gcloud import Gcloud, GcloudError
from cmc_webhook.deployment.steps import FUNCTION, Step, Wanted, Words

# The service that answers a look, by the first word of its command.
_ANSWERING = {
    "firestore": "firestore", "secrets": "secretmanager", "functions": "cloudfunctions",
    "projects": "cloudresourcemanager",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found of a step; *refused* is what Google said if it may not be looked at."""

    step: Step
    differences: Sequence[str] | None = None
    refused: str = ""

    @property
    def state(self) -> str:
        """One of: unseen, missing, building, different, right."""
        if self.refused:
            return "unseen"
        if self.differences is None:
            return "missing"
        if self.differences == BUILDING:
            return "building"
        return "different" if self.differences else "right"


def survey(gcloud: Gcloud, steps: Sequence[Step], services: Any = None) -> list[Seen]:
    """
    Look at each of *steps*; each look is run once.

    Where *services*, the enabled ones, are known, nothing is asked of others: what is theirs is
    missing.
    """
    seen: list[Seen] = []
    for later in (False, True):
        missing = {
            f"{each.step.name} {each.step.subject}" for each in seen if each.state == "missing"
        }
        wave = [step for step in steps if bool(step.after) == later]
        asked = [
            step for step in wave if step.after not in missing and _answers(step.look, services)
        ]
        answers = _answers_of(gcloud, [step.look for step in asked])
        for step in wave:
            answer = answers.get(step.look) if step in asked else None
            if isinstance(answer, GcloudError):
                seen.append(Seen(step, refused=str(answer.values["said"])))
            else:
                seen.append(Seen(step, None if answer is None else step.differs(answer)))
    return sorted(seen, key=lambda each: steps.index(each.step))


def _answers(look: Words, services: Any) -> bool:
    group = next(word for word in look if word not in ("alpha", "beta"))
    name = _ANSWERING.get(group, group)
    return (
        services is None or group == "services" or bool(of_name(services, f"{name}.googleapis.com"))
    )


def _answers_of(gcloud: Gcloud, looks: Iterable[Words]) -> dict[Words, Any]:
    def ask(look: Words) -> Any:
        try:
            return gcloud.json(look)
        except GcloudError as error:
            return error

    distinct = list(dict.fromkeys(looks))
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(distinct, pool.map(ask, distinct), strict=True))


@dataclass(frozen=True, slots=True)
class Site:
    """What of ours is in a project; *alerts* are the options that made the alerts there."""

    gcloud: Gcloud
    services: Any
    deployed: Mapping[str, Function]
    alerts: Mapping[str, Any]
    runs: Sequence[Any]

    def wanted(self, typed: Mapping[str, Any]) -> Wanted:
        """Return what is *typed*, else what is there, else the default."""
        typed = {**self.alerts, **typed}
        return wanted(self.gcloud.project, typed, self.deployed, self.runs)


def visit(gcloud: Gcloud) -> Site:
    """Return what is in the project. Raises Refused."""
    services = gcloud.json(("services", "list", "--enabled"))
    deployed: Mapping[str, Function] = {}
    if of_name(services, "cloudfunctions.googleapis.com"):
        deployed = ours(gcloud.json(FUNCTIONS))
    alerts, runs = {}, ()
    if of_name(services, "monitoring.googleapis.com"):
        with suppress(GcloudError):  # who may not look there changes nothing there
            channels = gcloud.json(("beta", "monitoring", "channels", "list"))
            alerts = chosen(channels, gcloud.json(("alpha", "monitoring", "policies", "list")))
    if function := deployed.get(FUNCTION):
        runs = gcloud.json(("run", "services", "list", f"--region={function.region}"))
    return Site(gcloud, services, deployed, alerts, runs)
