"""`undeploy`: takes away what `deploy` made, but for the data."""

import click

from cmc_webhook.deployment.checks import of_name
from cmc_webhook.deployment.deployed import FUNCTIONS, ours, wanted
from cmc_webhook.deployment.plan import by_name, refuse_unseen, step_text
from cmc_webhook.deployment.run import filled
from cmc_webhook.deployment.steps import table
from cmc_webhook.deployment.survey import SERVICES, alerts_there, survey
from cmc_webhook.deployment.talk import Talk


def undeploy(project: str, talk: Talk) -> None:
    """List what there is, ask twice, delete it in the opposite order."""
    gcloud = talk.gcloud(project)
    services = gcloud.json(SERVICES)
    has_functions = of_name(services, "cloudfunctions.googleapis.com")
    deployed = ours(gcloud.json(FUNCTIONS)) if has_functions else {}
    aim = wanted(project, alerts_there(gcloud, services), deployed, talk.texts.language)
    steps = [step for step in table(aim) if step.undo]
    seen = survey(gcloud, steps, services)
    refuse_unseen(seen, talk.texts)
    there = [each.step for each in seen if each.state != "missing"]
    if not there:
        talk.say("undeploy.nothing", project=project)
        return
    talk.say("undeploy.list", project=project)
    for group in by_name(there):
        click.echo(f"  {step_text(talk.texts, group)}")
    talk.say("undeploy.kept", project=project, database=aim.database, bucket=aim.bucket)
    talk.confirm("undeploy.ask")
    talk.confirm("undeploy.ask_again", project=project)
    for step in reversed(there):
        click.echo(f"- {step_text(talk.texts, [step])}")
        gcloud.text(filled(gcloud, step, step.undo))
    talk.say("undeploy.done")
