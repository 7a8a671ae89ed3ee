"""A stand-in of CMC's REST API that knows all that `send` planned, also what got lost."""

import json
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zoneinfo import ZoneInfo

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

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/lives":
                rest.events += [Event(datetime.fromisoformat(at), *e) for at, *e in content]
                status, answer = 204, None
            else:
                status, answer = rest.answer(self.path.split("/")[1], content)
            body = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing: the terminal shows what the functions do."""

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
