"""`undeploy`: takes away what `deploy` made, but for the data."""

import click

from cmc_webhook.deployment.plan import by_name, refuse_unseen, step_text
from cmc_webhook.deployment.run import filled
from cmc_webhook.deployment.steps import table
from cmc_webhook.deployment.survey import survey, visit
from cmc_webhook.deployment.talk import Talk


def undeploy(project: str, talk: Talk) -> None:
    """List what there is, ask twice, delete it in the opposite order."""
    gcloud = talk.gcloud(project)
    site = visit(gcloud)
    aim = site.wanted({}, talk.texts.language)
    seen = survey(gcloud, [step for step in table(aim) if step.undo], site.services)
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
