"""`deploy`: from a checkout to production; `undeploy`: takes away what that made, but the data."""

import difflib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from cmc_webhook.deployment import plan
from cmc_webhook.deployment.checks import at
from cmc_webhook.deployment.deployed import FUNCTIONS, ours
from cmc_webhook.deployment.gcloud import Gcloud, GcloudError, Refused, say, secret
from cmc_webhook.deployment.run import Run, filled
from cmc_webhook.deployment.script import script
from cmc_webhook.deployment.steps import FUNCTION, INBOUND, Wanted, regions, table
from cmc_webhook.deployment.survey import Seen, Site, survey, visit
from cmc_webhook.reading.cli import confirm
from cmc_webhook.reading.connection import settings_here
from cmc_webhook.reading.language import text

_DEFAULT_MAILS = 100_000


def deploy(project: str, yes: bool, as_script: bool, **typed: Any) -> None:
    """Look, print the plan, ask, take the steps; or print them from nothing as a bash script."""
    typed = {name: value for name, value in typed.items() if value not in (None, ())}
    if "database" in typed:
        settings_here(typed["database"])  # raises SettingsError for an impossible name
    gcloud = Gcloud(project)
    if as_script:
        aim = _aim(typed, Site(gcloud, (), {}, {}, ()), yes)
        click.echo("\n".join(script(table(aim), aim)))
        return
    account, site = gcloud.account(), visit(gcloud)
    aim = _aim(typed, site, yes)
    steps = table(aim)
    gcloud.require({step.look[0] for step in steps} & {"alpha", "beta"})
    seen = survey(gcloud, steps, site.services)
    lines = plan.plan(seen, aim, typed.get("mails_per_month", _DEFAULT_MAILS))
    click.echo("\n".join([*lines, *plan.upgrade(site.deployed.get(FUNCTION), seen, aim)]))
    _show_roles(gcloud, seen, account)
    plan.refuse_impossible(seen)
    if all(each.state in ("right", "building") for each in seen):
        say("deploy.nothing_to_do")
        return
    if not yes:
        confirm(text("deploy.ask"))
    for group in plan.by_name(Run(gcloud).carry_out(steps)):
        say("deploy.still_building", step=plan.step_text(group))
    say("deploy.done", project=project)
    for name, function in ours(gcloud.json(FUNCTIONS)).items():
        if name not in site.deployed:
            # What to enter in CMC. The key is shown on a terminal only.
            access = function.key_command()
            command = f"gcloud {' '.join(access)} --project={project}"
            key = secret(gcloud.text(access).split("\n")[0], command)
            screen = "deploy.screen_inbound" if name == INBOUND else "deploy.screen"
            say(screen, url=function.url, secret=key, zone=aim.time_zone)


def undeploy(project: str, yes: bool) -> None:
    """List what there is, ask twice, delete it in the opposite order."""
    gcloud = Gcloud(project)
    site = visit(gcloud)
    aim = site.wanted({})
    seen = survey(gcloud, [step for step in table(aim) if step.undo], site.services)
    plan.refuse_unseen(seen)
    there = [each.step for each in seen if each.state != "missing"]
    if not there:
        say("undeploy.nothing", project=project)
        return
    say("undeploy.list", project=project)
    for group in plan.by_name(there):
        click.echo(f"  {plan.step_text(group)}")
    say("undeploy.kept", project=project, database=aim.database, bucket=aim.bucket)
    for question in () if yes else ("undeploy.ask", "undeploy.ask_again"):
        confirm(text(question, project=project))
    for step in reversed(there):
        click.echo(f"- {plan.step_text([step])}")
        gcloud.text(filled(gcloud, step, step.undo))
    say("undeploy.done")


def _aim(typed: Mapping[str, Any], site: Site, yes: bool) -> Wanted:
    """Return what is wanted; ask how long mails are kept where nothing says it. Raises Refused."""
    typed = dict(typed)
    if "retention_days" not in typed and FUNCTION not in site.deployed:
        if yes or not sys.stdin.isatty():
            raise Refused("deploy.no_retention")
        days = click.IntRange(0, 99_999)
        question = text("deploy.ask_days")
        typed["retention_days"] = click.prompt(question, type=days, err=True)
    aim = site.wanted(typed)
    if aim.region not in regions():
        nearest = difflib.get_close_matches(aim.region, regions(), n=1, cutoff=0)[0]
        raise Refused("deploy.unknown_region", region=aim.region, nearest=nearest)
    if aim.database == "(default)" and "database" not in typed:
        raise Refused("deploy.default_database")
    return aim


def _show_roles(gcloud: Gcloud, seen: Sequence[Seen], account: str) -> None:
    """Print the roles for what is to be done that the project does not give to *account*."""
    needed = {each.step.role for each in seen if each.state != "right"}
    if any(each.step.name == "function" and each.state != "right" for each in seen):
        needed.add("roles/iam.serviceAccountUser")
    try:
        policy = gcloud.json(("projects", "get-iam-policy", gcloud.project))
    except GcloudError:
        policy = {}
    kind = "serviceAccount" if account.endswith(".gserviceaccount.com") else "user"
    bindings = at(policy, "bindings") or ()
    member = f"{kind}:{account}"
    held = {each.get("role") for each in bindings if member in each.get("members", ())}
    if needed - held and "roles/owner" not in held:
        roles = "\n  ".join(sorted(needed - held))
        say("deploy.roles", account=account, project=gcloud.project, roles=roles)
