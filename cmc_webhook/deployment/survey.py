"""Looks at what is there, step by step. Changes nothing."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

from cmc_webhook.deployment.alerts import chosen
from cmc_webhook.deployment.checks import BUILDING, at, is_unchecked, of_name
from cmc_webhook.deployment.deployed import FUNCTIONS, Function, instances, ours
from cmc_webhook.deployment.gcloud import Gcloud, GcloudError
from cmc_webhook.deployment.steps import FUNCTION, INBOUND, Step, Wanted, Words

_REGION, _DATABASE = "asia-northeast1", "cmc"  # Tokyo
# The service that answers a look, by the first word of its command.
_ANSWERING = {
    "firestore": "firestore", "secrets": "secretmanager", "functions": "cloudfunctions",
    "projects": "cloudresourcemanager",
}  # fmt: skip


class Seen(NamedTuple):
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
    """Look at *steps*, each look once; all is missing of services not in *services*, if given."""

    def ask(look: Words) -> Any:
        try:
            return gcloud.json(look)
        except GcloudError as error:
            return error

    seen: list[Seen] = []
    for later in (False, True):
        absent = [each.step for each in seen if each.state == "missing"]
        missing = {f"{step.name} {step.subject}" for step in absent}
        wave = [step for step in steps if bool(step.after) == later]
        asked = [s for s in wave if s.after not in missing and _answers(s.look, services)]
        looks = list(dict.fromkeys(step.look for step in asked))
        with ThreadPoolExecutor(4) as pool:
            answers = dict(zip(looks, pool.map(ask, looks), strict=True))
        for step in wave:
            answer = answers.get(step.look) if step in asked else None
            if isinstance(answer, GcloudError):
                seen.append(Seen(step, refused=str(answer.values["said"])))
            else:
                seen.append(Seen(step, None if answer is None else step.differs(answer)))
    return sorted(seen, key=lambda each: steps.index(each.step))


def _answers(look: Words, services: Any) -> bool:
    group = next(word for word in look if word not in ("alpha", "beta"))
    api = f"{_ANSWERING.get(group, group)}.googleapis.com"
    return services is None or group == "services" or bool(of_name(services, api))


class Site(NamedTuple):
    """What of ours is in a project; *alerts* are the options that made the alerts there."""

    gcloud: Gcloud
    services: Any
    deployed: Mapping[str, Function]
    alerts: Mapping[str, Any]
    runs: Sequence[Any]

    def wanted(self, typed: Mapping[str, Any]) -> Wanted:
        """Return what is *typed*, else what is there, else the default."""
        typed = {"region": "", "database": "", "inbound": False, **self.alerts, **typed}
        function = self.deployed.get(FUNCTION, Function({}))
        inbound = self.deployed.get(INBOUND, function)
        mails = typed.get("mails_per_month")
        most = at(function.json, "serviceConfig.maxInstanceCount")
        unchecked = is_unchecked(self.runs, FUNCTION) is not None
        database = function.setting("CMC_DATABASE") if function.json else _DATABASE
        days = int(function.setting("CMC_RETENTION_DAYS") or 0)
        return Wanted(
            project=self.gcloud.project,
            region=typed["region"] or function.region or _REGION,
            database=typed["database"] or database,
            inbound=typed["inbound"] or INBOUND in self.deployed,
            retention_days=typed.get("retention_days", days),
            time_zone=function.setting("CMC_TIME_ZONE"),
            max_instances=most if most and not mails else instances(mails or 0),
            collection=function.setting("CMC_COLLECTION"),
            inbound_collection=inbound.setting("CMC_INBOUND_COLLECTION"),
            address_collection=function.setting("CMC_ADDRESS_COLLECTION"),
            allows_all_users=not (typed.get("no_invoker_iam_check") or unchecked),
            alert_email=typed.get("alert_email", ""),
            alerts=typed.get("alert", ()),
            mail_every=typed.get("mail_every", 0),
        )


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
