"""More than any sender sends: what is bounded, and requests whose parts contradict each other."""

import contextlib
import json
import socket

import pytest

from tests.support.processes import PATIENCE_S
from tests.support.records import as_form, as_json, make_post, make_record

KEY = "the-key"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def guarded(make_function):
    return make_function(CMC_API_KEYS=KEY)


def test_10000_records_in_one_post_are_stored_at_once_or_by_repeating(serve, documents, scale):
    count = int(10_000 * scale)
    server = serve(CMC_API_KEYS=KEY)
    records = [make_record(messageId=f"<{i}@example.com>") for i in range(count)]
    body, content_type = as_json(make_post(records))
    status = 503
    while status == 503:
        status, answer, _ = server.post(body, content_type, AUTHORIZED)

    assert status == 200
    assert (answer["received"], answer["stored"] + answer["unchanged"]) == (count, count)
    assert len(documents()) == count


def test_more_fields_than_a_form_has_are_no_event(guarded, documents, quarantine):
    body, _ = as_form(make_post([make_record()], **{f"field{i}": "x" for i in range(1_000)}))

    assert guarded.post("/", data=body, headers=AUTHORIZED).status_code == 400
    assert documents() == {}
    assert len(quarantine()) == 1


@pytest.mark.parametrize("name", [n for n in make_record() if n not in ("created", "status")])
def test_each_field_of_a_record_has_a_bound(guarded, documents, quarantine, name):
    record = make_record(**{name: "語" * 400_000})

    answer = guarded.post("/", json=make_post([record]), headers=AUTHORIZED)

    assert answer.status_code == 200
    [document] = documents().values()
    assert len(json.dumps(document, default=str, ensure_ascii=False).encode()) < 20_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"api_key": "wrong", "api_key": "the-key", "event": {}}',
        b'{"api_key": "the-key", "event": {}, "api_key": "wrong"}',
        b"api_key=wrong&api_key=the-key&event=%7B%7D",
        b"api_key=the-key&event=%7B%7D&api_key=wrong",
    ],
)
def test_a_right_key_beside_a_wrong_one_is_enough(guarded, body):
    assert guarded.post("/", data=body).status_code == 200


def request(server, body, *headers):
    """Send *headers* as they stand, however often; return the status of the answer, if any."""
    head = "\r\n".join(["POST / HTTP/1.1", "Host: localhost", *headers, "", ""]).encode("latin-1")
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(head + body)
            connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return [int(line.split()[1]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


def test_headers_that_stand_twice(serve, documents, quarantine):
    """Never more rights, never two readings of where the request ends."""
    server = serve(CMC_API_KEYS=KEY)
    body, _ = as_json(make_post([make_record()]))
    length, right, wrong = (
        f"Content-Length: {len(body)}",
        f"Authorization: Bearer {KEY}",
        "Authorization: Bearer wrong",
    )

    # Joined by commas (RFC 9110, 5.3), and so neither of them.
    assert request(server, body, length, right, wrong) == [401]
    assert request(server, body, length, wrong, right) == [401]
    assert request(server, body, length, wrong, wrong) == [401]
    assert request(server, body, length, f"Content-Length: {len(body) - 5}", right) == [400]
    assert request(server, body, length, "Transfer-Encoding: chunked", right) == [400]
    assert request(server, body, "Transfer-Encoding: gzip", right) in ([400], [501])
    assert request(server, body, "Content-Length: -1", right) == [400]
    assert request(server, body, f"Content-Length: +{len(body)}", right) == [400]
    encodings = ("Content-Encoding: identity", "Content-Encoding: gzip")
    assert request(server, body, length, right, *encodings) == [400]
    types = ("Content-Type: text/plain", "Content-Type: application/json")
    assert request(server, body, length, right, *types) == [400]
    assert (documents(), quarantine()) == ({}, [])

    assert request(server, body, length, right) == [200]


def test_a_gzip_bomb_is_refused_unread(serve, quarantine):
    server = serve(CMC_API_KEYS=KEY)
    bomb = b"\x1f\x8b" + bytes(1_000_000)

    assert server.post(bomb, headers={**AUTHORIZED, "Content-Encoding": "gzip"})[0] == 400
    assert server.post(bomb, headers=AUTHORIZED)[0] == 400  # no envelope, whatever it is
    assert len(quarantine()) == 1
