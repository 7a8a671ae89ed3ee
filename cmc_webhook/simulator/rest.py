"""A stand-in of CMC's REST API that knows all that `send` planned, also what got lost."""

import json
import random
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zoneinfo import ZoneInfo

from cmc_webhook.simulator.scenarios import SUPPRESSED, Event

USER, KEY = "simulator", "key-of-the-stand-in"
_JAPAN = ZoneInfo("Asia/Tokyo")
_RESULTS = {"succeeded": "succeeded", "failed": "failed", **dict.fromkeys(SUPPRESSED, "blocked")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknowns:
    """
    What CMC does not document.

    *day_begins*: the hour in Japan at which a day of the statistics begins; *by_event*: they
    count a result on its own day, not on that of queueing. *zone* is that of ``created``.
    """

    day_begins: int
    by_event: bool
    zone: str
    most_rows: int
    newest_first: bool
    ending: str
    other_texts: bool


def draw(rng: random.Random) -> Unknowns:
    return Unknowns(
        day_begins=rng.choice([0, 9]),
        by_event=rng.random() < 0.5,
        zone=rng.choice(["Asia/Tokyo", "UTC"]),
        most_rows=rng.choice([10, 50, 100]),
        newest_first=rng.random() < 0.5,
        ending=rng.choice(["204", "no_key", "no_row", "repeated"]),
        other_texts=rng.random() < 0.5,
    )


class CmcRest:
    """Answers for the *events* that were told; *requests* counts those it was asked."""

    def __init__(self, unknowns: Unknowns) -> None:
        self._unknowns = unknowns
        self.events: list[Event] = []
        self.requests = 0

    def answer(self, resource: str, asked: Mapping[str, Any]) -> tuple[int, Any]:
        """Return the HTTP status and the content, None for none."""
        self.requests += 1
        if (asked.get("api_user"), asked.get("api_key")) != (USER, KEY):
            error = {"code": "01-001", "field": "", "message": "Invalid api_user or api_key."}
            return 401, {"errors": [error]}
        if resource == "statistics":
            return 200, {resource: [*self._statistics(f"{asked['year']}-{asked['month']:02}-")]}
        rows = [*self._rows(resource, asked)]
        size = min(asked["r"], self._unknowns.most_rows)
        page = rows[asked["p"] * size :][:size]
        ending = self._unknowns.ending
        if page or ending == "no_row":
            return 200, {resource: page}
        if ending == "repeated":
            return 200, {resource: rows[(len(rows) - 1) // size * size :]}
        return (204, None) if ending == "204" else (200, {})

    def _rows(self, resource: str, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        one = asked.get("date")
        first, last = one or asked["start_date"], one or asked["end_date"]
        by_time = sorted(self.events, key=lambda event: event.at)
        for event in by_time[::-1] if self._unknowns.newest_first else by_time:
            created = f"{event.at.astimezone(ZoneInfo(self._unknowns.zone)):%Y-%m-%d %H:%M:%S}"
            reason = event.record["reason"]
            if self._unknowns.other_texts:
                reason = reason[:40].strip()
            if (
                event.event_type == resource
                and first <= created[:10] <= last
                and asked.get("status") in (None, event.record["status"])
            ):
                yield event.record | {"created": created, "reason": reason}

    def _statistics(self, month: str) -> Iterator[dict[str, Any]]:
        mails: defaultdict[tuple[str, str], list[Event]] = defaultdict(list)
        for event in sorted(self.events, key=lambda event: event.at):
            mails[event.record["messageId"], event.record["to"]].append(event)
        figures: defaultdict[str, dict[str, int]] = defaultdict(
            lambda: dict.fromkeys(("queued", "succeeded", "failed", "blocked"), 0)
        )
        for events in mails.values():
            queued = self._day(events[0].at)
            figures[queued]["queued"] += 1
            results = [(e.at, _RESULTS.get(e.record["status"])) for e in events]
            # A bounce after success is not counted (documented).
            for wanted in ("succeeded", "blocked", "failed"):
                if found := [at for at, result in results if result == wanted]:
                    figures[self._day(found[0]) if self._unknowns.by_event else queued][wanted] += 1
                    break
        for day, counts in sorted(figures.items()):
            if day.startswith(month):
                yield {"date": day, **counts, "valid": counts["queued"] - counts["blocked"]}

    def _day(self, at: datetime) -> str:
        return str((at - timedelta(hours=self._unknowns.day_begins)).astimezone(_JAPAN).date())


def lives(events: Iterable[Event]) -> bytes:
    """Return the body with which `send` tells the stand-in of *events*."""
    return json.dumps([(e.at.isoformat(), e.event_type, e.record) for e in events]).encode()


@contextmanager
def serving(rest: CmcRest, host: str, port: int) -> Iterator[str]:
    """Serve *rest*, and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/lives":
                rest.events += [Event(datetime.fromisoformat(e[0]), *e[1:]) for e in content]
                status, answer = 204, None
            else:
                status, answer = rest.answer(self.path.split("/")[1], content)
            body = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing: the terminal is the functions'."""

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
