"""`doctor --deployment`: what differs from the table of steps, and what mends it. Read-only."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from cmc_webhook.deployment.checks import at, of_name
from cmc_webhook.deployment.deployed import Function
from cmc_webhook.deployment.gcloud import Refused
from cmc_webhook.deployment.plan import by_name, difference_text, step_text
from cmc_webhook.deployment.steps import FUNCTION, SECRET, table
from cmc_webhook.deployment.survey import Seen, survey, visit
from cmc_webhook.deployment.talk import Talk
from cmc_webhook.reading.texts import Texts
from cmc_webhook.settings import unknown_variables


def compare(project: str, talk: Talk) -> bool:
    """Print what is wrong, what was not looked at, and how much is right; return if all is."""
    gcloud = talk.gcloud(project)
    site = visit(gcloud)
    if FUNCTION not in site.deployed:
        raise Refused("deployed.no_function", project=project)
    aim = site.wanted({}, talk.texts.language)
    seen = survey(gcloud, table(aim), site.services)
    may_look = all(each.state != "unseen" for each in seen if each.step.name == "key")
    versions = gcloud.json(("secrets", "versions", "list", SECRET)) if may_look else None
    wrong = [
        *_of_steps(seen, talk.texts),
        *_of_keys(site.deployed, versions, talk.texts),
        *([] if aim.alert_email else [talk.texts.text("doctor.no_alerts")]),
    ]
    for line in wrong:
        click.echo(line.replace("PROJECT", project))
    for group in by_name([each.step for each in seen if each.state == "unseen"]):
        talk.say("doctor.unseen", step=step_text(talk.texts, group), role=group[0].role)
    right = sum(each.state == "right" for each in seen)
    talk.say("doctor.right", count=right, all=len(seen), database=aim.database)
    return not wrong


def _of_steps(seen: Sequence[Seen], texts: Texts) -> Iterator[str]:
    for state in ("missing", "different", "building"):
        for steps in by_name([each.step for each in seen if each.state == state]):
            found = [each.differences or () for each in seen if each.step in steps]
            what = difference_text(texts, {word for words in found for word in words})
            yield texts.text(f"doctor.{state}", step=step_text(texts, steps), what=what)


def _of_keys(deployed: Mapping[str, Function], versions: Any, texts: Texts) -> Iterator[str]:
    """Yield what is wrong with settings, and with the versions of the secret that are read."""
    read = {name: function.secret_version for name, function in deployed.items()}
    for name, version in read.items():
        state = at(of_name(versions or (), f"versions/{version}"), "state")
        if versions and state != "ENABLED":
            yield texts.text("doctor.key_version", function=name, version=version, state=state)
        environ = at(deployed[name].json, "serviceConfig.environmentVariables") or {}
        yield from (f"{name}: {sentence}" for sentence in unknown_variables(environ))
    if len(set(read.values())) > 1:
        yield texts.text("doctor.key_versions")
