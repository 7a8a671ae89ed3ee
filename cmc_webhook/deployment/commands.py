"""The commands of this folder with their options."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import click

from cmc_webhook.deployment.alerts import LONGEST_SILENCE_H, OTHERS
from cmc_webhook.deployment.talk import Talk
from cmc_webhook.reading.options import language_option


def _project(ctx: object, param: object, value: str) -> str:
    # It becomes part of names, of filters and of a script.
    if not re.fullmatch("[a-z][a-z0-9.:-]*", value):
        raise click.BadParameter(f"{value!r} is not the id of a project.")
    return value


def _email(ctx: object, param: object, value: str | None) -> str | None:
    # It becomes a word of a command, and a value in a list of gcloud's.
    if value and not re.fullmatch(r"[\w.+-]+@[\w.-]+", value, re.ASCII):
        raise click.BadParameter(f"{value!r} is not an address for alerts.")
    return value


_project_option = click.option(
    "--project", required=True, callback=_project, help="The project of Google Cloud."
)
_yes = click.option("--yes", is_flag=True, help="Ask nothing.")


@click.command()
@_project_option
@click.option("--region", help="By default asia-northeast1, or where the function is.")
@click.option("--database", help="By default cmc, or that of the function.")
@click.option("--inbound", is_flag=True, help="The function for received mail, too.")
@click.option("--alert-email", callback=_email, help="Mail alerts to this address.")
@click.option("--alert", type=click.Choice(OTHERS), multiple=True, help="Another alert, too.")
@click.option(
    "--mail-every",
    type=click.IntRange(1, LONGEST_SILENCE_H),
    metavar="HOURS",
    help="Alert where CMC posts nothing for so long.",
)
@click.option(
    "--retention-days", type=click.IntRange(0, 99_999), help="Keep mails so long; 0 is for ever."
)
@click.option("--mails-per-month", type=click.IntRange(1), help="For cost and size, 100000.")
@click.option("--no-invoker-iam-check", is_flag=True, help="Where allUsers is forbidden.")
@click.option("--script", "as_script", is_flag=True, help="Print a bash script instead.")
@_yes
@language_option
def deploy(project: str, as_script: bool, yes: bool, lang: str, **typed: Any) -> None:
    """
    Put the functions on Google Cloud, or upgrade them.

    It looks first, prints a plan, and asks once. The same command goes on after a
    failure, and does nothing the second time. It needs gcloud with an account.

    \b
    python -m cmc_webhook deploy --project P
    python -m cmc_webhook deploy --project P --retention-days 365 --script >deploy.sh
    """
    from cmc_webhook.deployment import deploy
    from cmc_webhook.reading.connection import settings_here

    if typed["database"]:
        settings_here(typed["database"])  # raises SettingsError for an impossible name
    run = deploy.print_script if as_script else deploy.deploy
    _talk(lang, yes, lambda talk: run(project, typed, talk))


@click.command()
@_project_option
@language_option
def check(project: str, lang: str) -> None:
    """
    Post a sample record to the deployed function, read it back, delete it.

    \b
    python -m cmc_webhook check --project P
    """
    from cmc_webhook.deployment.check import check

    _talk(lang, False, lambda talk: check(project, talk))


@click.command()
@_project_option
@click.option(
    "--quiet-hours",
    default=24,
    type=click.IntRange(0, 720),
    show_default=True,
    help="No old key for so long.",
)
@_yes
@language_option
def rotate_key(project: str, quiet_hours: int, yes: bool, lang: str) -> None:
    """
    Make a new key, and retire the old ones once CMC has it.

    It may be stopped at any time, and goes on when it is given again. Old versions
    of the secret are disabled, never destroyed.

    \b
    python -m cmc_webhook rotate-key --project P
    """
    from cmc_webhook.deployment.rotate import Rotation

    quiet = timedelta(hours=quiet_hours)
    _talk(lang, yes, lambda talk: Rotation(project, quiet, talk).carry_out())


@click.command()
@_project_option
@_yes
@language_option
def undeploy(project: str, yes: bool, lang: str) -> None:
    """
    Delete what deploy made, but for the data. It asks twice.

    \b
    python -m cmc_webhook undeploy --project P
    """
    from cmc_webhook.deployment.undeploy import undeploy

    _talk(lang, yes, lambda talk: undeploy(project, talk))


def _talk(lang: str, yes: bool, run: Callable[[Talk], None]) -> None:
    talk = Talk(lang, yes=yes)
    with talk.failing_in_one_sentence():
        run(talk)
