"""What became of posts, in numbers. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

from cmc_webhook.simulator.lives import COMPOSITION
from cmc_webhook.simulator.oracle import outcome
from cmc_webhook.simulator.posting import Answer
from cmc_webhook.simulator.posts import Manner, Post

Sent = Sequence[tuple[Post, Answer]]
_COUNTS = ("received", "stored", "unchanged", "quarantined")


def answers(sent: Sequence[Answer]) -> Iterator[str]:
    """Yield how often what was answered, how long it took, and the counts of the answers."""
    for text, count in sorted(Counter(answer.text for answer in sent).items()):
        yield f"  {count:>6,}  {text}"
    times = sorted(answer.seconds for answer in sent if answer.text[:1].isdigit())
    if times:
        p50, p95, most = (times[int((len(times) - 1) * share)] for share in (0.5, 0.95, 1))
        yield f"Answered in {_ms(p50)} (p50), {_ms(p95)} (p95), {_ms(most)} (max)."
    totals = {name: sum(answer.counts.get(name, 0) for answer in sent) for name in _COUNTS}
    yield "Records: " + ", ".join(f"{count:,} {name}" for name, count in totals.items()) + "."


def lines(sent: Sent, zone: ZoneInfo) -> Iterator[str]:
    """Yield the numbers of *sent*, and what the documents must look like by now."""
    yield from answers([answer for _, answer in sent])
    due = outcome(accepted_records(sent), COMPOSITION, zone)
    by_status = Counter(document["status"][0] for document in due.documents.values())
    told = ", ".join(f"{count:,} {status}" for status, count in by_status.most_common())
    yield f"Documents that must be there: {told or 'none'}."


def accepted_records(sent: Sent) -> Iterator[tuple[str, object]]:
    """Yield each record of which the function has said that it is kept, with its list."""
    for post, answer in sent:
        if answer.accepted and post.manner is Manner.WHOLE:
            for record in post.records:
                yield post.event_type, record


def refusals(sent: Iterable[Answer]) -> Iterator[str]:
    """Yield a sentence for each kind of answer that does not accept its post."""
    lost = Counter(answer.text for answer in sent if not answer.accepted)
    for text, count in sorted(lost.items()):
        yield f"{count:,} posts were not accepted: {text}."


def faults(sent: Sent) -> Iterator[str]:
    """Yield a sentence for each kind of answer that is wrong."""
    yield from refusals([answer for post, answer in sent if post.manner is Manner.WHOLE])
    for post, answer in sent:
        received = answer.counts.get("received", 0)
        if post.manner is Manner.WHOLE and answer.accepted and received != len(post.records):
            yield f"A post of {len(post.records):,} records was answered as one of {received:,}."
    forged = [answer for post, answer in sent if post.manner is Manner.WRONG_KEY]
    if opened := sum(answer.accepted for answer in forged):
        yield f"{opened:,} posts with a wrong key were accepted."


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"
