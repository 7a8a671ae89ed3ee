"""`doctor`: find what is wrong with a deployment, and what to do."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import click
from google.api_core.exceptions import (
    DeadlineExceeded,
    GoogleAPIError,
    RetryError,
    ServiceUnavailable,
)

from cmc_webhook.command_line.checks import Deployment, Problem, bounces_alone, problems
from cmc_webhook.command_line.rendering import labelled
from cmc_webhook.deployment.comparison import compare
from cmc_webhook.reading import table
from cmc_webhook.reading.connection import (
    FirestoreOptions,
    settings_here,
    settings_with_credentials,
)
from cmc_webhook.reading.language import text, texts
from cmc_webhook.reading.opened import Connection, connected
from cmc_webhook.settings import SettingsError

_ODD = 20
_MOST_NAMED = 10
_INDENT = 4


def doctor(where: FirestoreOptions, last: int, with_gcloud: bool) -> None:
    """Print what is wrong with a deployment, and what to do. Exit status 1 if anything is."""
    if with_gcloud:
        if not where.project:
            raise click.UsageError(text("usage.deployment"))
        sys.exit(0 if compare(where.project) else 1)
    connection = connected(where)
    deployment = _deployment(connection, last)
    found = problems(deployment)
    for line in _report(deployment, found):
        click.echo(line)
    if any(found.values()):
        sys.exit(1)


def _report(deployment: Deployment, found: Mapping[str, Sequence[Problem]]) -> Iterator[str]:
    """Yield the verdict, the problems, what is without one, and what was not checked."""
    wrong = list(chain.from_iterable(found.values()))
    looked = {"count": len(wrong), "mails": f"{len(deployment.latest):,}"}
    yield text("doctor.problems" if wrong else "doctor.no_problem", **looked)
    for number, problem in enumerate(wrong, 1):
        values = {name: _shown(name, value) for name, value in problem.values.items()}
        remedy = text(f"remedy.{problem.remedy or problem.name}", **values)
        yield ""
        yield from labelled(f"{number}.", text(f"finding.{problem.name}", **values), _INDENT)
        yield from labelled("", remedy, _INDENT)
    yield ""
    if not deployment.failed_looks:
        fine = texts().listed(text(f"check.{name}") for name, each in found.items() if not each)
        yield from table.paragraphs(text("doctor.fine", checks=fine))
    alone, bounced = bounces_alone(deployment.latest)
    yield text("doctor.bounces_alone", alone=f"{alone:,}", bounced=f"{bounced:,}")
    if not (deployment.refused_setting or any(deployment.settings.credentials.values())):
        yield from table.paragraphs(text("doctor.no_credential"))
    if deployment.real:
        yield from table.paragraphs(text("doctor.refused_posts"))


def _shown(name: str, value: object) -> str:
    if not isinstance(value, list):
        return texts().translated(str(value)) if name == "sentence" else str(value)
    items = [text(f"look.{each}") for each in value] if name == "looks" else value
    named = texts().listed(items[:_MOST_NAMED])
    left = len(items) - _MOST_NAMED
    return named + text("doctor.more", count=f"{left:,}") if left > 0 else named


def _deployment(connection: Connection, last: int) -> Deployment:
    looks: dict[str, Callable[[], Any]] = {
        "mails": lambda: connection.statuses.last_received(last),
        "odd_mails": lambda: connection.statuses.oddly_received(_ODD),
        "oldest": connection.statuses.first_received,
        "entries": lambda: connection.quarantine.heads(_ODD),
        "received_mails": lambda: connection.received.listing().page(_ODD),
        "received_entries": lambda: connection.received_quarantine.heads(_ODD),
        "quarantined": connection.quarantine.count,
        "received_quarantined": connection.received_quarantine.count,
        "indexes": connection.statuses.missing_indexes,
    }
    found: dict[str, Any] = dict.fromkeys(looks, ())
    failed: dict[str, list[str]] = {}
    for what, look in looks.items():
        try:
            found[what] = look()
        except (RetryError, ServiceUnavailable, DeadlineExceeded):
            raise  # nothing else would be answered either
        except GoogleAPIError as error:
            failed.setdefault(str(error).splitlines()[0], []).append(what)
    settings, refused = settings_here(), ""
    try:
        settings = settings_with_credentials()
    except SettingsError as error:
        refused = str(error)
    return Deployment(
        environ=os.environ,
        settings=settings,
        refused_setting=refused,
        real=connection.real,
        now=datetime.now(UTC),
        found=found,
        failed_looks=failed,
    )
