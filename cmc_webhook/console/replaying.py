"""Posts entries of the quarantine to the status function again, and says what became of each."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cmc_webhook.console.site import Site
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.problems import Shape, problem
from cmc_webhook.reading.quarantine import NotReplayableError, Obstacle, body_of, has_odd_bytes
from cmc_webhook.simulator.posting import Message, Pace, deliver, saved_message

_SENDERS = 4


class Result(NamedTuple):
    """What became of an entry: the answer's counts, what *refused* it, or the *obstacle*."""

    entry_id: str
    shape: Shape
    counts: Mapping[str, int]
    refused: str = ""
    obstacle: str = ""


@dataclass(slots=True)
class Replay:
    """
    What became of the entries that were processed again.

    *posted* counts requests; *counts* are those of the function's answers. *left_out* are the
    entries that cannot be posted, by the reason; *odd_bytes* those of which bytes are replaced.
    """

    entries: int = 0
    posted: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    left_out: Counter[Obstacle] = field(default_factory=Counter)
    odd_bytes: int = 0
    results: list[Result] = field(default_factory=list)


def replay(site: Site, pages: Iterable[Sequence[Document]]) -> Replay:
    """Post the entries of *pages* to the function, page by page."""
    done = Replay()
    for entries in pages:
        done.entries += len(entries)
        sent = [(e, message) for e in entries if (message := _message(e, site, done))]
        done.posted += len(sent)
        answers = deliver(site.url, ((m, 1) for _, m in sent), pace=Pace(0), senders=_SENDERS)
        for (entry, _), answer in zip(sent, answers, strict=True):
            refused = "" if answer.accepted else answer.text
            done.counts.update(answer.counts)
            done.refused.update([refused] if refused else [])
            done.results.append(Result(entry.id, problem(entry).shape, answer.counts, refused))
    return done


def _message(entry: Document, site: Site, done: Replay) -> Message | None:
    """Return the request for *entry*; if none can be made, note the reason in *done*."""
    try:
        message = saved_message(body_of(entry, site.zone), site.credential)
    except NotReplayableError as error:
        done.left_out[error.why] += 1
        done.results.append(Result(entry.id, problem(entry).shape, {}, obstacle=error.why))
        return None
    done.odd_bytes += has_odd_bytes(entry)
    return message
