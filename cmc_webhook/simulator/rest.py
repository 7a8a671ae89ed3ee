"""A stand-in of CMC's REST API that knows all that `send` planned, also what got lost."""

import json
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from cmc_webhook.simulator.scenarios import SUPPRESSED, Event

USER, KEY = "simulator", "key-of-the-stand-in"
# What CMC does not document: the hour in Japan at which a day of the statistics begins, whether a
# result counts on its own day or on that of queueing, the zone of `created`, and of a listing the
# most rows of a page, its order, how it ends, and whether its texts differ from the webhook's.
_UNKNOWNS: Mapping[str, tuple[Any, ...]] = {
    "day_begins": (0, 9),
    "by_event": (False, True),
    "zone": ("Asia/Tokyo", "UTC"),
    "most_rows": (10, 50, 100),
    "newest_first": (False, True),
    "ending": ("204", "no_key", "no_row", "repeated"),
    "other_texts": (False, True),
}
_JAPAN = ZoneInfo("Asia/Tokyo")
# What CMC counts, the strongest first: no bounce after success counts (documented).
_RESULTS = {"succeeded": {"succeeded"}, "blocked": {*SUPPRESSED}, "failed": {"failed"}}


def draw(rng: random.Random) -> dict[str, Any]:
    """Return one way in which CMC may do what it does not document."""
    return {name: rng.choice(ways) for name, ways in _UNKNOWNS.items()}


class CmcRest:
    """Answers for *events* as *unknowns* say, and counts the *requests*."""

    def __init__(self, unknowns: Mapping[str, Any]) -> None:
        self._unknowns = unknowns
        self.events: list[Event] = []
        self.requests = 0

    def answer(self, resource: str, asked: Mapping[str, Any]) -> tuple[int, Any]:
        """Return the HTTP status and the content, None for none."""
        self.requests += 1
        if (asked.get("api_user"), asked.get("api_key")) != (USER, KEY):
            return 401, {"errors": [{"code": "01-001", "field": "", "message": "Not allowed."}]}
        if resource == "statistics":
            month = f"{asked['year']}-{asked['month']:02}-"
            return 200, {resource: [row for row in self._days() if row["date"].startswith(month)]}
        rows = [*self._rows(resource, asked)]
        size, ending = min(asked["r"], self._unknowns["most_rows"]), self._unknowns["ending"]
        page = rows[asked["p"] * size :][:size]
        if not page and ending == "repeated":
            page = rows[(len(rows) - 1) // size * size :]
        if page or ending in ("no_row", "repeated"):
            return 200, {resource: page}
        return (204, None) if ending == "204" else (200, {})

    def _rows(self, resource: str, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        zone = ZoneInfo(self._unknowns["zone"])
        first, last = (asked.get(name, asked.get("date")) for name in ("start_date", "end_date"))
        reverse = self._unknowns["newest_first"]
        for event in sorted(self.events, key=lambda event: event.at, reverse=reverse):
            created = f"{event.at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
            is_status = asked.get("status") in (None, event.record["status"])
            if event.event_type == resource and first <= created[:10] <= last and is_status:
                reason = event.record["reason"][: 40 if self._unknowns["other_texts"] else None]
                yield event.record | {"created": created, "reason": reason}

    def _days(self) -> Iterator[dict[str, Any]]:
        mails: defaultdict[tuple[str, str], list[Event]] = defaultdict(list)
        for event in sorted(self.events, key=lambda event: event.at):
            mails[event.record["messageId"], event.record["to"]].append(event)
        counts: Counter[tuple[str, str]] = Counter()
        for events in mails.values():
            queued = self._day(events[0])
            counts[queued, "queued"] += 1
            for figure, words in _RESULTS.items():
                if found := [event for event in events if event.record["status"] in words]:
                    day = self._day(found[0]) if self._unknowns["by_event"] else queued
                    counts[day, figure] += 1
                    break
        for day in sorted({day for day, _ in counts}):
            yield {"date": day} | {name: counts[day, name] for name in ("queued", *_RESULTS)}

    def _day(self, event: Event) -> str:
        begun = event.at - timedelta(hours=self._unknowns["day_begins"])
        return str(begun.astimezone(_JAPAN).date())


def lives(events: Iterable[Event]) -> bytes:
    """Return the body with which `send` tells the stand-in of *events*."""
    return json.dumps([(e.at.isoformat(), e.event_type, e.record) for e in events]).encode()


@contextmanager
def serving(rest: CmcRest, host: str, port: int) -> Iterator[str]:
    """Serve *rest* and yield its address."""

    @Request.application
    def answer(request: Request) -> Response:
        if request.path == "/lives":
            rest.events += [Event(datetime.fromisoformat(at), *e) for at, *e in request.json]
            return Response(status=204)
        status, content = rest.answer(request.path.split("/")[1], request.json)
        return Response("" if content is None else json.dumps(content), status)

    server = make_server(host, port, answer, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://{host}:{server.port}"
    finally:
        server.shutdown()
        server.server_close()
