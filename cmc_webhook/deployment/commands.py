"""The commands of this room with their options. What a command does is imported when it runs."""

import re
from collections.abc import Callable

import click

from cmc_webhook.deployment.alerts import LONGEST_SILENCE_H, OTHERS
from cmc_webhook.reading.cli import command, option
from cmc_webhook.reading.language import text


def _form(pattern: str, key: str) -> Callable[..., str | None]:
    """Refuse what is not of this form: it becomes part of commands, of filters and of a script."""

    def check(ctx: object, param: object, value: str | None) -> str | None:
        if value and not re.fullmatch(pattern, value, re.ASCII):
            raise click.BadParameter(text(key, value=value))
        return value

    return check


_project = option(
    "--project",
    required=True,
    entry="cloud_project",
    callback=_form("[a-z][a-z0-9.:-]*", "usage.cloud_project"),
)
_yes = option("--yes", is_flag=True, entry="ask_nothing")

COMMANDS = (
    command(
        "deploy",
        "deployment.deploy:deploy",
        _project,
        option("--region"),
        option("--database", entry="cloud_database"),
        option("--inbound", is_flag=True, entry="with_inbound"),
        option("--alert-email", callback=_form(r"[\w.+-]+@[\w.-]+", "usage.alert_email")),
        option("--alert", type=click.Choice(OTHERS), multiple=True),
        option("--mail-every", type=click.IntRange(1, LONGEST_SILENCE_H), metavar="HOURS"),
        option("--retention-days", type=click.IntRange(0, 99_999)),
        option("--mails-per-month", type=click.IntRange(1)),
        option("--no-invoker-iam-check", is_flag=True),
        option("--script", "as_script", is_flag=True),
        _yes,
    ),
    command("check", "deployment.check:check", _project),
    command(
        "rotate-key",
        "deployment.rotate:rotate_key",
        _project,
        option("--quiet-hours", default=24, type=click.IntRange(0, 720)),
        _yes,
    ),
    command("undeploy", "deployment.deploy:undeploy", _project, _yes),
)
