"""`deploy`: from a checkout to production."""

import difflib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from cmc_webhook.deployment import plan
from cmc_webhook.deployment.checks import of_name
from cmc_webhook.deployment.deployed import FUNCTIONS, Function, ours, wanted
from cmc_webhook.deployment.gcloud import Gcloud, GcloudError, Refused
from cmc_webhook.deployment.run import Run
from cmc_webhook.deployment.script import script
from cmc_webhook.deployment.steps import FUNCTION, INBOUND, Wanted, regions, table
from cmc_webhook.deployment.survey import SERVICES, Seen, alerts_there, survey
from cmc_webhook.deployment.talk import Talk

_DEFAULT_MAILS = 100_000


def deploy(project: str, typed: Mapping[str, Any], talk: Talk) -> None:
    """Look, print the plan, ask, take the steps, and say what to enter in CMC."""
    gcloud = talk.gcloud(project)
    account, services = gcloud.account(), gcloud.json(SERVICES)
    has_functions = of_name(services, "cloudfunctions.googleapis.com")
    deployed = ours(gcloud.json(FUNCTIONS)) if has_functions else {}
    given = {name: value for name, value in typed.items() if value not in (None, ())}
    typed = {**alerts_there(gcloud, services), **given}
    aim = wanted(project, _asked(typed, deployed, talk), deployed, talk.texts.language,
                 run_services(gcloud, deployed))  # fmt: skip
    _refuse(aim, typed)
    steps = table(aim)
    gcloud.require({step.look[0] for step in steps} & {"alpha", "beta"})
    seen = survey(gcloud, steps, services)
    for line in plan.plan(seen, aim, talk.texts, typed.get("mails_per_month") or _DEFAULT_MAILS):
        click.echo(line)
    for line in plan.upgrade(deployed.get(FUNCTION), seen, aim, talk.texts):
        click.echo(line)
    _show_roles(gcloud, seen, account, talk)
    plan.refuse_impossible(seen, talk.texts)
    if all(each.state == "right" for each in seen):
        talk.say("deploy.nothing_to_do")
        return
    talk.confirm("deploy.ask")
    for group in plan.by_name(Run(gcloud, talk).carry_out(steps)):
        talk.say("deploy.still_building", step=plan.step_text(talk.texts, group))
    talk.say("deploy.done", project=project)
    for name, function in ours(gcloud.json(FUNCTIONS)).items():
        if name not in deployed:
            _show_screen(gcloud, function, aim, talk)


def print_script(project: str, typed: Mapping[str, Any], talk: Talk) -> None:
    """Print the steps from nothing as a bash script; nothing is looked at."""
    aim = wanted(project, _asked(typed, {}, talk), {}, talk.texts.language)
    _refuse(aim, typed)
    for line in script(table(aim), aim, talk.texts):
        click.echo(line)


def run_services(gcloud: Gcloud, deployed: Mapping[str, Function]) -> Any:
    """Return the services of Cloud Run beside the status function, none if it is not deployed."""
    function = deployed.get(FUNCTION)
    return (
        gcloud.json(("run", "services", "list", f"--region={function.region}")) if function else ()
    )


def _asked(
    typed: Mapping[str, Any], deployed: Mapping[str, Function], talk: Talk
) -> Mapping[str, Any]:
    """Return *typed* with the days for which mails are kept, asked for where nothing says it."""
    if typed.get("retention_days") is not None or FUNCTION in deployed:
        return typed
    if talk.yes or not sys.stdin.isatty():
        raise Refused("deploy.no_retention")
    question = talk.texts.text("deploy.ask_days")
    days = click.prompt(question, type=click.IntRange(0, 99_999), err=True)
    return {**typed, "retention_days": days}


def _refuse(aim: Wanted, typed: Mapping[str, Any]) -> None:
    if aim.region not in regions():
        nearest = difflib.get_close_matches(aim.region, regions(), n=1, cutoff=0)[0]
        raise Refused("deploy.unknown_region", region=aim.region, nearest=nearest)
    if aim.database == "(default)" and not typed.get("database"):
        raise Refused("deploy.default_database")


def _show_roles(gcloud: Gcloud, seen: Sequence[Seen], account: str, talk: Talk) -> None:
    kind = "serviceAccount" if account.endswith(".gserviceaccount.com") else "user"
    try:
        policy = gcloud.json(("projects", "get-iam-policy", gcloud.project))
    except GcloudError:
        policy = None
    if roles := plan.missing_roles(seen, policy, f"{kind}:{account}"):
        talk.say("deploy.roles", account=account, project=gcloud.project, roles="\n  ".join(roles))


def _show_screen(gcloud: Gcloud, function: Function, aim: Wanted, talk: Talk) -> None:
    """Say what to enter in CMC. The key is shown on a terminal only."""
    access = function.key_command()
    command = f"gcloud {' '.join(access)} --project={aim.project}"
    key = talk.secret(gcloud.text(access).split("\n")[0], command)
    screen = "deploy.screen_inbound" if function.name == INBOUND else "deploy.screen"
    talk.say(screen, url=function.url, secret=key, zone=aim.time_zone)
