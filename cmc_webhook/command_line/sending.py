"""What all commands share that post: `send`, `replay` and `quarantine replay`."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence

import click

from cmc_webhook.reading.language import text
from cmc_webhook.simulator.posting import Answer, Message, Pace, deliver

_COUNTS = ("received", "stored", "unchanged", "quarantined")


def post_all(
    url: str, messages: Sequence[tuple[Message, int]], rate: float = 0.0, senders: int = 1
) -> list[Answer]:
    """
    Post *messages*, each with its number of events, and return the answers in order.

    *rate* is in events per second, 0 for no limit.
    """
    answers = deliver(url, messages, pace=Pace(rate), senders=senders)
    hidden = not sys.stderr.isatty()
    with click.progressbar(answers, length=len(messages), file=sys.stderr, hidden=hidden) as shown:
        return list(shown)


def summary(answers: Sequence[Answer]) -> Iterator[str]:
    """Yield how often each answer came, how long they took, and the sums of their counts."""
    for answer, count in sorted(Counter(answer.text for answer in answers).items()):
        yield f"  {count:>6,}  {answer}"
    times = sorted(answer.seconds for answer in answers if answer.text[:1].isdigit())
    if times:
        p50, p95, longest = (_ms(times[int((len(times) - 1) * share)]) for share in (0.5, 0.95, 1))
        yield text("posted.times", p50=p50, p95=p95, longest=longest)
    counts = {name: sum(answer.counts.get(name, 0) for answer in answers) for name in _COUNTS}
    yield text("posted.records", **{name: f"{count:,}" for name, count in counts.items()})


def conclude(answers: Sequence[Answer]) -> None:
    """Print the summary; raise ClickException if a post was not accepted."""
    for line in summary(answers):
        click.echo(line)
    if refused := sum(not answer.accepted for answer in answers):
        values = {"refused": f"{refused:,}", "posts": f"{len(answers):,}"}
        raise click.ClickException(text("posted.refused", **values))


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}"
