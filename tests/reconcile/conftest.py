"""The command on the test's own project, and CMC's REST API played by the stand-in."""

import random
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from cmc_webhook.simulator import rest as stand_in
from cmc_webhook.simulator.scenarios import Mailing, events
from tests.command_line.conftest import run  # noqa: F401
from tests.support.ledger import TOKYO

# Today is that of the machine, as the command takes no other.
NOW = datetime.now(UTC)
KNOWN = {
    "day_begins": 0,
    "by_event": False,
    "zone": "Asia/Tokyo",
    "most_rows": 100,
    "newest_first": False,
    "ending": "no_row",
    "other_texts": False,
}


def days_ago(days, now=NOW):
    return (now.astimezone(TOKYO) - timedelta(days=days)).date().isoformat()


def lives(count, days, seed=1, steps=None, hour=15, now=NOW):
    """Return the events of *count* mails, the last at this hour of Japan, *days* ago."""
    last = datetime.fromisoformat(f"{days_ago(days, now)}T{hour:02}:00:00+09:00")
    mailing = Mailing(
        steps=steps, count=count, recipients=1, version=2, zone=TOKYO, last_event_at=last
    )
    return events(mailing, random.Random(seed))


@pytest.fixture
def use(monkeypatch):
    """Let the command ask *url*, for the server composition `pro`."""

    def name(url, **settings):
        named = {
            "CMC_REST_URL": url,
            "CMC_REST_USER": stand_in.USER,
            "CMC_REST_KEY": stand_in.KEY,
            "CMC_COMPOSITIONS": "pro",
        }
        for variable, value in (named | settings).items():
            monkeypatch.setenv(variable, value)

    return name


@pytest.fixture
def cmc(use):
    """Start a stand-in with KNOWN, but for what is given, and let the command ask it."""
    with ExitStack() as running:

        def start(settings=None, **unknowns):
            rest = stand_in.CmcRest(KNOWN | unknowns)
            use(running.enter_context(stand_in.serving(rest, "127.0.0.1", 0)), **(settings or {}))
            return rest

        yield start


@pytest.fixture
def answer(use):
    """Serve canned answers: status, body, the length that is said of it, and headers."""
    servers = []

    def start(*answers):
        waiting, asked = list(answers), []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                status, body, length, *headers = waiting.pop(0)
                self.send_response(status)
                self.send_header("Content-Length", str(length or len(body)))
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.05,), daemon=True).start()
        use(f"http://127.0.0.1:{servers[-1].server_port}")
        return asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
