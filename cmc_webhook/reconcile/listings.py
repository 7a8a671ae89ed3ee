"""Reads a listing of CMC's REST API page by page, and measures what CMC does not document. Pure."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cmc_webhook.reconcile.rest import Page
from cmc_webhook.status.events import StatusEvent
from cmc_webhook.status.history import history_event, is_from_rest, told

# The most that is documented, for blocks.
ROWS = 100
# Zones differ by quarters of an hour; the seconds of an event may differ too.
_QUARTER, _SECONDS = timedelta(minutes=15), timedelta(seconds=60)


@dataclass(slots=True)
class Measured:
    """What came, and what it shows beside the events that posts told of."""

    rows: int = 0
    largest_page: int = 0
    end: str = ""  # of the last listing
    compared: int = 0
    same_ids: int = 0
    other_texts: int = 0
    shifts: Counter[timedelta] = field(default_factory=Counter)

    def pages(self, ask: Callable[..., Page]) -> Iterator[list[Any]]:
        """Yield the rows of each page.

        How CMC ends a listing is not documented. An empty page does, one shorter than those
        before, and the page before once more; a short first page may be all that CMC gives.
        """
        largest, before = 0, None
        for number in itertools.count():
            rows, self.end = ask(p=number, r=ROWS)
            if rows == before:
                self.end = "repeated"
            if self.end:
                return
            largest, before = max(largest, len(rows)), rows
            self.rows += len(rows)
            self.largest_page = max(self.largest_page, largest)
            yield rows
            if len(rows) < largest:
                self.end = "short"
                return

    def compare(self, events: Iterable[StatusEvent], held: Mapping[str, Any]) -> None:
        """Compare the *events* of a mail with those that posts told of in its document *held*."""
        posted = [event for event in held.get("events", []) if not is_from_rest(event)]
        for event in map(history_event, events):
            twins = [each for each in posted if told(each) == told(event)]
            if not twins:
                continue
            self.compared += 1
            self.same_ids += event["id"] in {twin["id"] for twin in twins}
            self.other_texts += event.get("reason") not in {twin.get("reason") for twin in twins}
            between = min((event["at"] - twin["at"] for twin in twins), key=abs)
            nearest = round(between / _QUARTER) * _QUARTER
            self.shifts[nearest if abs(between - nearest) <= _SECONDS else timedelta()] += 1

    def shift(self) -> float:
        """Return by how many hours the times of most rows differ; 0 if not as those of a zone."""
        [(shift, count)] = self.shifts.most_common(1) or [(timedelta(), 0)]
        return shift / timedelta(hours=1) if count * 2 > self.compared else 0.0
