"""Posts entries of the quarantine to the status function again, and says what became of each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cmc_webhook.console.site import Site
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.problems import Shape, problem
from cmc_webhook.reading.quarantine import NotReplayableError, body_of, has_odd_bytes
from cmc_webhook.simulator.posting import Pace, deliver, saved_message

_SENDERS = 4


class Result(NamedTuple):
    """What became of an entry: the answer's counts, what *refused* it, or the *obstacle*."""

    entry_id: str
    shape: Shape
    counts: Counter[str]
    refused: str = ""
    obstacle: str = ""
    odd_bytes: bool = False  # whether bytes of it were replaced


def replay(site: Site, entries: Sequence[Document]) -> Iterator[Result]:
    """Post *entries* to the function; yield what became of each, first of those left out."""
    posted, messages = [], []
    for entry in entries:
        try:
            messages.append(saved_message(body_of(entry, site.zone), site.credential))
            posted.append(entry)
        except NotReplayableError as error:
            yield Result(entry.id, problem(entry).shape, Counter(), obstacle=error.why)
    answers = deliver(site.url, messages, pace=Pace(0), senders=_SENDERS)
    for entry, answer in zip(posted, answers, strict=True):
        refused = "" if answer.accepted else answer.text
        shape, counts = problem(entry).shape, Counter(answer.counts)
        yield Result(entry.id, shape, counts, refused, odd_bytes=has_odd_bytes(entry))
