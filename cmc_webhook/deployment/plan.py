"""The plan in plain words: what is there, what will be made, who must allow it, what it costs."""

import itertools
from collections.abc import Iterable, Iterator, Sequence

from cmc_webhook import __version__
from cmc_webhook.deployment.costs import monthly_costs
from cmc_webhook.deployment.deployed import Function
from cmc_webhook.deployment.gcloud import Refused
from cmc_webhook.deployment.steps import Step, Wanted
from cmc_webhook.deployment.survey import Seen
from cmc_webhook.reading.language import text, texts

_MOST_SUBJECTS = 3
# The version since which documents have fields that `rebuild` adds to older ones.
_REBUILT_SINCE = (0, 2, 0)
_DAYS_OF_A_YEAR = 365


def by_name(steps: Sequence[Step]) -> list[list[Step]]:
    """Return *steps*, of which those of one name follow each other, in groups of one name."""
    return [[*group] for _, group in itertools.groupby(steps, key=lambda step: step.name)]


def step_text(steps: Sequence[Step]) -> str:
    """Return the words for *steps* of one name."""
    subjects = [step.subject for step in steps]
    shown = ", ".join(subjects[:_MOST_SUBJECTS]) + (" …" if subjects[_MOST_SUBJECTS:] else "")
    return text(f"step.{steps[0].name}", subject=shown, count=len(steps))


def plan(seen: Sequence[Seen], wanted: Wanted, mails: int) -> Iterator[str]:
    """Yield the lines of the plan, at most 40."""
    yield text("plan.place", project=wanted.project, region=wanted.region, database=wanted.database)
    for state in ("right", "missing", "different", "building", "unseen"):
        groups = in_state(seen, state)
        if groups:
            yield text(f"plan.{state}")
        for steps, what in groups:
            yield f"  {step_text(steps)}{f': {what}' if state == 'different' else ''}"
    days = wanted.retention_days
    yield text("plan.retention" if days else "plan.for_ever", days=days)
    usd = sum(monthly_costs(mails, days or _DAYS_OF_A_YEAR).values())
    values = {"usd": f"{usd:,.2f}", "mails": f"{mails:,}", "instances": wanted.max_instances}
    yield text("plan.cost" if days else "plan.cost_of_a_year", **values)
    if wanted.database == "(default)":
        yield text("plan.rules")


def in_state(seen: Sequence[Seen], state: str) -> list[tuple[list[Step], str]]:
    """Return the steps in this state, in groups of one name, and the words for what differs."""
    found = {each.step: each.differences or () for each in seen if each.state == state}
    return [
        (steps, difference_text({word for step in steps for word in found[step]}))
        for steps in by_name([*found])
    ]


def difference_text(differences: Iterable[str]) -> str:
    """Return the words for what differs."""
    return ", ".join(texts().name("difference", word) for word in sorted(differences))


def upgrade(function: Function | None, seen: Sequence[Seen], wanted: Wanted) -> Iterator[str]:
    """Yield what an older deployment needs, and what works meanwhile."""
    version = ".".join(map(str, function.version)) if function else __version__
    if version == __version__:
        return
    yield text("plan.older" if version else "plan.unlabelled", old=version, new=__version__)
    if any(each.step.name == "index" and each.state != "right" for each in seen):
        yield text("plan.meanwhile")
    if function and function.version < _REBUILT_SINCE:
        yield text("plan.rebuild", project=wanted.project, database=wanted.database)


def refuse_unseen(seen: Sequence[Seen]) -> None:
    """Raise Refused for the first thing that may not be looked at."""
    for each in seen:
        if each.refused:
            what = step_text([each.step])
            raise Refused("plan.no_look", step=what, said=each.refused, role=each.step.role)


def refuse_impossible(seen: Sequence[Seen]) -> None:
    """Raise Refused for the first thing that may not be looked at or cannot be changed."""
    refuse_unseen(seen)
    for each in seen:
        if each.state == "different" and not each.step.mend(each.differences):
            words = difference_text(each.differences or ())
            raise Refused("plan.impossible", step=step_text([each.step]), what=words)
