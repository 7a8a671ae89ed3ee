"""Whatever is sent: an answer of ours, nothing of it in the log, and no storage without the key."""

import json
import time
from datetime import UTC, datetime

import pytest

from cmc_webhook.errors import WebhookError
from cmc_webhook.fields import read_fields
from cmc_webhook.settings import from_env
from cmc_webhook.status import document as status
from cmc_webhook.status.envelope import read_envelope
from cmc_webhook.status.events import read_events
from tests.support.fuzz import KEY, make_request

EXPECTED = {200, 400, 401, 413}
# The deadline of 7 s, and what a busy machine adds.
ANSWERED_S = 10.0
# If bodies stayed in memory, it would grow by more than this noise and an eighth of what is sent.
PADDING = b" " * 64 * 1024
NOISE = 4 * 1024 * 1024

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def guarded(make_function):
    return make_function(CMC_API_KEYS=KEY)


def test_requests(guarded, fuzz_seeds, capsys):
    statuses = set()
    for seed in fuzz_seeds:
        headers, body = make_request(seed)
        answer = guarded.post("/", data=body, headers=headers)

        assert answer.status_code in EXPECTED, f"seed {seed}"
        assert answer.is_json, f"seed {seed}"
        assert "MARKER" not in answer.text, f"seed {seed}"
        captured = capsys.readouterr()
        assert "MARKER" not in captured.out + captured.err, f"seed {seed}"
        assert all(json.loads(line) for line in captured.out.splitlines()), f"seed {seed}"
        statuses.add(answer.status_code)
    assert statuses == EXPECTED - {413}


def test_requests_over_the_wire(serve, fuzz_seeds):
    """Gunicorn's part too: answers in time, no more memory for more requests."""
    server = serve(CMC_API_KEYS=KEY)
    warm = fuzz_seeds[len(fuzz_seeds) // 3]
    longest, before, sent = 0.0, 0, 0
    for seed in fuzz_seeds:
        if seed == warm:
            before, sent = server.memory(), 0
        headers, body = make_request(seed)
        body += PADDING
        sent += len(body)
        started = time.monotonic()
        status = server.post(body, headers=headers)[0]
        longest = max(longest, time.monotonic() - started)
        assert status in EXPECTED, f"seed {seed}"
    assert longest < ANSWERED_S
    assert server.memory() - before < NOISE + sent / 8
    assert "MARKER" not in server.output()


def test_readings(fuzz_seeds):
    """The same requests through the pure part alone, which is ten times as fast."""
    settings = from_env({"CMC_API_KEYS": KEY})
    read = refused = 0
    for seed in fuzz_seeds:
        _, body = make_request(seed)
        try:
            fields = read_fields(body)
            events, _ = read_events(
                read_envelope(fields.values), settings.time_zone, NOW, is_utf8=fields.is_utf8
            )
        except WebhookError:
            refused += 1
            continue
        for event in events:
            document = status.fold({}, [event])
            assert status.changes(document, status.fold(document, [event])) == {}, f"seed {seed}"
        read += len(events)
    assert read
    assert refused
