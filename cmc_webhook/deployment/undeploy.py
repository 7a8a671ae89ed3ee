"""`undeploy`: takes away what `deploy` made, but for the data."""

import click

from cmc_webhook.deployment.gcloud import Gcloud, say
from cmc_webhook.deployment.plan import by_name, refuse_unseen, step_text
from cmc_webhook.deployment.run import filled
from cmc_webhook.deployment.steps import table
from cmc_webhook.deployment.survey import survey, visit
from cmc_webhook.reading.cli import confirm
from cmc_webhook.reading.language import text


def undeploy(project: str, yes: bool) -> None:
    """List what there is, ask twice, delete it in the opposite order."""
    gcloud = Gcloud(project)
    site = visit(gcloud)
    aim = site.wanted({})
    seen = survey(gcloud, [step for step in table(aim) if step.undo], site.services)
    refuse_unseen(seen)
    there = [each.step for each in seen if each.state != "missing"]
    if not there:
        say("undeploy.nothing", project=project)
        return
    say("undeploy.list", project=project)
    for group in by_name(there):
        click.echo(f"  {step_text(group)}")
    say("undeploy.kept", project=project, database=aim.database, bucket=aim.bucket)
    for question in () if yes else ("undeploy.ask", "undeploy.ask_again"):
        confirm(text(question, project=project))
    for step in reversed(there):
        click.echo(f"- {step_text([step])}")
        gcloud.text(filled(gcloud, step, step.undo))
    say("undeploy.done")
