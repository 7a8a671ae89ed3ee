"""`doctor --deployment`: what differs from the table of steps, and what mends it. Read-only."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from cmc_webhook.deployment.checks import at, of_name
from cmc_webhook.deployment.deployed import Function
from cmc_webhook.deployment.gcloud import Gcloud, Refused, say
from cmc_webhook.deployment.plan import in_state, step_text
from cmc_webhook.deployment.steps import FUNCTION, SECRET, table
from cmc_webhook.deployment.survey import survey, visit
from cmc_webhook.reading.language import text
from cmc_webhook.settings import unknown_variables


def compare(project: str) -> bool:
    """Print what is wrong, what was not looked at, and how much is right; return if all is."""
    gcloud = Gcloud(project)
    site = visit(gcloud)
    if FUNCTION not in site.deployed:
        raise Refused("deployed.no_function", project=project)
    aim = site.wanted({})
    seen = survey(gcloud, table(aim), site.services)
    may_look = all(each.state != "unseen" for each in seen if each.step.name == "key")
    versions = gcloud.json(("secrets", "versions", "list", SECRET)) if may_look else None
    wrong = [
        *(
            text(f"comparison.{state}", step=step_text(steps), what=what)
            for state in ("missing", "different", "building")
            for steps, what in in_state(seen, state)
        ),
        *_of_keys(site.deployed, versions),
        *([] if aim.alert_email else [text("comparison.no_alerts")]),
    ]
    for line in wrong:
        click.echo(line.replace("PROJECT", project))
    for group, _ in in_state(seen, "unseen"):
        say("comparison.unseen", step=step_text(group), role=group[0].role)
    right = sum(each.state == "right" for each in seen)
    say("comparison.right", count=right, all=len(seen), database=aim.database)
    return not wrong


def _of_keys(deployed: Mapping[str, Function], versions: Any) -> Iterator[str]:
    read = {name: function.secret_version for name, function in deployed.items()}
    for name, version in read.items():
        state = at(of_name(versions or (), f"versions/{version}"), "state")
        if versions and state != "ENABLED":
            yield text("comparison.key_version", function=name, version=version, state=state)
        environ = at(deployed[name].json, "serviceConfig.environmentVariables") or {}
        yield from (f"{name}: {sentence}" for sentence in unknown_variables(environ))
    if len(set(read.values())) > 1:
        yield text("comparison.key_versions")
