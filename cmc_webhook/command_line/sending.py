"""What all commands share that post: `send`, `replay` and `quarantine replay`."""

import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import click

from cmc_webhook.simulator.posting import Answer, Message, Pace, Target, deliver

_COUNTS = ("received", "stored", "unchanged", "quarantined")


class RateType(click.ParamType[float]):
    """A number per second; 0 is no limit."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the number, or fail if it is negative or not finite."""
        try:
            rate = float(value)
        except ValueError:
            rate = math.nan
        if not 0 <= rate < math.inf:
            self.fail(f"{value!r} is not a number of 0 or more.", param, ctx)
        return rate


def post_all(
    url: str, messages: Sequence[tuple[Message, int]], rate: float = 0.0, senders: int = 1
) -> list[Answer]:
    """
    Post *messages*, each with its number of events, and return the answers in order.

    *rate* is in events per second, 0 for no limit.
    """
    answers = deliver(Target(url), messages, pace=Pace(rate), senders=senders)
    hidden = not sys.stderr.isatty()
    with click.progressbar(answers, length=len(messages), file=sys.stderr, hidden=hidden) as shown:
        return list(shown)


def summary(answers: Sequence[Answer]) -> Iterator[str]:
    """Yield how often each answer came, how long they took, and the sums of their counts."""
    for text, count in sorted(Counter(answer.text for answer in answers).items()):
        yield f"  {count:>6,}  {text}"
    times = sorted(answer.seconds for answer in answers if answer.text[:1].isdigit())
    if times:
        p50, p95, longest = (times[int((len(times) - 1) * share)] for share in (0.5, 0.95, 1))
        yield f"Answered in {_ms(p50)} (p50), {_ms(p95)} (p95), {_ms(longest)} (max)."
    totals = {name: sum(answer.counts.get(name, 0) for answer in answers) for name in _COUNTS}
    yield "Records: " + ", ".join(f"{count:,} {name}" for name, count in totals.items()) + "."


def conclude_replay(answers: Sequence[Answer]) -> None:
    """Print the summary; raise ClickException if a post was not accepted."""
    for line in summary(answers):
        click.echo(line)
    refused = sum(not answer.accepted for answer in answers)
    if refused:
        raise click.ClickException(f"{refused:,} of {len(answers):,} posts were not accepted.")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"
