"""What all commands share that post: `send`, `replay` and `quarantine replay`."""

from collections import Counter
from collections.abc import Sequence

import click

from cmc_webhook.reading.cli import progress_bar
from cmc_webhook.reading.language import text
from cmc_webhook.simulator.posting import Answer, Message, Pace, deliver

_COUNTS = ("received", "stored", "unchanged", "quarantined")


def post_all(
    url: str, messages: Sequence[tuple[Message, int]], rate: float = 0.0, senders: int = 1
) -> list[Answer]:
    """Post messages with their numbers of events, at *rate* events a second, 0 for no limit."""
    answers = deliver(url, messages, pace=Pace(rate), senders=senders)
    with progress_bar(answers, len(messages)) as shown:
        return list(shown)


def conclude(answers: Sequence[Answer]) -> None:
    """Print counts and times of *answers*. Raises ClickException if a post was not accepted."""
    for answer, count in sorted(Counter(answer.text for answer in answers).items()):
        click.echo(f"  {count:>6,}  {answer}")
    times = sorted(answer.seconds for answer in answers if answer.text[:1].isdigit())
    if times:
        ms = [times[int((len(times) - 1) * share)] * 1000 for share in (0.5, 0.95, 1)]
        p50, p95, longest = (f"{each:,.0f}" for each in ms)
        click.echo(text("posted.times", p50=p50, p95=p95, longest=longest))
    counts = {name: sum(answer.counts.get(name, 0) for answer in answers) for name in _COUNTS}
    click.echo(text("posted.records", **{name: f"{count:,}" for name, count in counts.items()}))
    if refused := sum(not answer.accepted for answer in answers):
        values = {"refused": f"{refused:,}", "posts": f"{len(answers):,}"}
        raise click.ClickException(text("posted.refused", **values))
