"""Firestore goes away and comes back."""

import signal
import time

import pytest

from tests.support.processes import Program, free_port
from tests.support.records import as_json, make_post, make_record

pytestmark = pytest.mark.builtin


def test_a_stopped_firestore_is_503_and_the_same_post_is_stored_when_it_is_back(serve, tmp_path):
    port = free_port()
    options = ["--only-firestore", "--firestore-port", str(port), "--data", str(tmp_path / "data")]
    records = [make_record(messageId=f"<{i}@example.com>") for i in range(10)]
    body, content_type = as_json(make_post(records))
    server = serve(CMC_ALLOW_UNAUTHENTICATED="true", FIRESTORE_EMULATOR_HOST=f"127.0.0.1:{port}")

    before = Program("cmc_webhook", "devserver", *options)
    before.wait_for(port)
    assert server.post(as_json(make_post(records[:3]))[0])[1]["stored"] == 3
    before.send(signal.SIGKILL)
    before.stop()

    started = time.monotonic()
    status, _, headers = server.post(body, content_type)
    assert status == 503
    assert "Retry-After" in headers
    assert time.monotonic() - started < 10  # the answer is promised before the sender gives up

    after = Program("cmc_webhook", "devserver", *options)
    after.wait_for(port)
    status, answer, _ = server.post(body, content_type)
    assert status == 200
    assert (answer["stored"], answer["unchanged"]) == (7, 3)
    after.stop()
