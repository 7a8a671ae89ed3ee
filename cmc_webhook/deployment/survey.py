"""Looks at what is there, step by step. Changes nothing."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from cmc_webhook.deployment.alerts import chosen
from cmc_webhook.deployment.checks import BUILDING, of_name
from cmc_webhook.deployment.gcloud import Gcloud, GcloudError
from cmc_webhook.deployment.steps import Step, Words

SERVICES: Words = ("services", "list", "--enabled")
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


def alerts_there(gcloud: Gcloud, services: Any) -> dict[str, Any]:
    """Return the options of `deploy` that made the alerts there; none where nobody may look."""
    if not of_name(services, "monitoring.googleapis.com"):
        return {}
    try:
        return chosen(
            gcloud.json(("beta", "monitoring", "channels", "list")),
            gcloud.json(("alpha", "monitoring", "policies", "list")),
        )
    except GcloudError:
        return {}
