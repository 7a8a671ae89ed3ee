"""The function under functions-framework and gunicorn, as it runs in production."""

import http.client
import json
import socket
import threading
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.processes import PATIENCE_S, free_port
from tests.support.records import as_form, as_json, make_post, make_record

MIB = 1024 * 1024
OPEN = {"CMC_ALLOW_UNAUTHENTICATED": "true"}


def raw(body, *headers):
    head = ["POST / HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def post_chunks(port, pieces, header=""):
    """Send *pieces* in chunks until the server has answered; return the head of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        answer = []
        reader = threading.Thread(target=lambda: answer.append(connection.recv(65536)))
        reader.start()
        try:
            connection.sendall(raw(b"", "Transfer-Encoding: chunked", *filter(None, [header])))
            for piece in pieces:
                connection.sendall(chunk(piece))
            connection.sendall(b"0\r\n\r\n")
        except OSError:
            pass  # the server has answered and hung up
        reader.join(60)
    return answer[0]


def test_too_large_with_its_length_is_413(serve, quarantine):
    server = serve(**OPEN)

    assert server.post(b"x" * (8 * MIB))[0] == 400
    assert server.post(b"x" * (8 * MIB + 1))[0] == 413
    assert len(quarantine()) == 1


@pytest.mark.parametrize("size", [8 * MIB + 1, 200 * MIB])
def test_too_large_in_chunks_is_413_in_little_memory(serve, quarantine, size):
    server = serve(**OPEN)
    server.post(b"{}")
    before = server.peak_memory()
    pieces = (b"x" * MIB for _ in range(size // MIB))

    assert b" 413 " in post_chunks(server.port, [*([b"y"] if size % MIB else []), *pieces])

    assert server.peak_memory() - before < 40 * MIB
    assert len(quarantine()) == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_brackets_without_a_credential_are_401_in_little_memory(serve, quarantine, chunked):
    server = serve(CMC_API_KEYS="key")
    server.post(b"{}")
    before = server.peak_memory()
    brackets = b"[" + b"[]," * ((8 * MIB - 3) // 3) + b"1]"

    if chunked:
        pieces = [brackets[i : i + MIB] for i in range(0, len(brackets), MIB)]
        assert b" 401 " in post_chunks(server.port, pieces)
    else:
        assert server.post(brackets)[0] == 401

    assert server.peak_memory() - before < 40 * MIB
    assert quarantine() == []


def test_a_long_secret_is_redacted_in_little_memory(serve, quarantine):
    server = serve(**OPEN)
    server.post(b"{}")
    before = server.peak_memory()

    assert server.post(b'{"api_key":"' + b"x" * (8 * MIB - 20) + b'"}')[0] == 400

    assert server.peak_memory() - before < 60 * MIB
    assert '{"api_key":"[redacted]"}' in [entry["content"] for entry in quarantine()]


def test_a_header_opens_the_whole_limit_and_a_body_key_a_part(serve, documents):
    server = serve(CMC_API_KEYS="key")
    records = [make_record(messageId=f"<{i}@example.com>", junk="x" * MIB) for i in range(3)]
    body, _ = as_json(make_post(records, api_key="key"))

    assert server.post(body)[0] == 401
    assert server.post(body, headers={"Authorization": "Bearer wrong"})[0] == 401
    assert documents() == {}
    assert server.post(body, headers={"Authorization": "Bearer key"})[0] == 200
    assert len(documents()) == 3


def test_a_deep_body_is_400(serve, quarantine):
    assert serve(**OPEN).post(b"[" * 100_000)[0] == 400
    assert len(quarantine()) == 1


@pytest.fixture
def whole():
    return as_json(make_post([make_record()]))[0]


@pytest.fixture
def whole_form():
    return as_form(make_post([make_record()]))[0]


def test_a_body_cut_before_its_end_is_400_and_kept_nowhere(
    serve, documents, quarantine, whole, whole_form
):
    server = serve(**OPEN)
    for body in (whole, whole_form):
        data = raw(body[:-4], f"Content-Length: {len(body)}")
        assert b" 400 " in server.send_and_hang_up(data)

    assert documents() == {}
    assert quarantine() == []


@pytest.mark.parametrize(
    "tail",
    [b"", b"5\r\nab", b"zz\r\nab\r\n0\r\n\r\n", b"-1\r\n\r\n", b"5\r\nabcdefgh\r\n0\r\n\r\n"],
)
def test_a_body_with_cut_or_garbled_chunks_is_400_and_kept_nowhere(
    serve, documents, quarantine, whole, tail
):
    server = serve(**OPEN)
    data = raw(chunk(whole) + tail, "Transfer-Encoding: chunked")

    answer = server.send_and_hang_up(data)

    assert b" 400 " in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "body_incomplete"
    assert documents() == {}
    assert quarantine() == []


def test_whole_chunks_are_stored(serve, documents, whole):
    server = serve(**OPEN)
    pieces = [whole[i : i + 7] for i in range(0, len(whole), 7)]

    assert b" 200 " in post_chunks(server.port, pieces)
    assert len(documents()) == 1


def test_a_full_batch_with_long_subjects_as_a_form(serve, documents):
    records = [make_record(messageId=f"<{i}@example.com>", subject="件" * 512) for i in range(100)]
    post = make_post(records)

    assert serve(**OPEN).post(*as_form(post))[1]["stored"] == 100
    assert len(documents()) == 100


def test_the_next_request_on_the_connection_is_not_the_rest_of_the_last(serve, whole):
    connection = http.client.HTTPConnection("127.0.0.1", serve(**OPEN).port, timeout=PATIENCE_S)
    statuses = []
    for encoding in ("gzip", "identity"):
        connection.request("POST", "/", whole, {"Content-Encoding": encoding})
        response = connection.getresponse()
        statuses.append(response.status)
        response.read()
    connection.close()

    assert statuses == [400, 200]


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, "CMC_API_KEYS"),
        ({"CMC_API_KEYS": "k", "CMC_TIME_ZONE": "Tokyo"}, "CMC_TIME_ZONE"),
        ({"CMC_API_KEYS": "k", "CMC_RETENTION_DAYS": "x"}, "CMC_RETENTION_DAYS"),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_sentence(serve, environ, named):
    server = serve(**environ)

    assert server.process.wait(PATIENCE_S) == 1
    assert server.output().startswith(named)
    assert server.output().count("\n") == 1


def test_without_google_credentials_the_start_stops_with_one_sentence(serve, tmp_path):
    nowhere = {"HOME": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": "", "NO_GCE_CHECK": "true"}
    server = serve(CMC_API_KEYS="k", FIRESTORE_EMULATOR_HOST="", **nowhere)

    assert server.process.wait(PATIENCE_S) == 1
    assert "FIRESTORE_EMULATOR_HOST" in server.output()
    assert server.output().count("\n") == 1


def test_an_unknown_setting_is_one_error_line_and_no_refusal(serve, whole):
    server = serve(**OPEN, CMC_TIMEZONE="UTC")

    assert server.post(whole)[0] == 200
    errors = [line for line in server.lines() if line["severity"] == "ERROR"]
    assert [line["message"].split()[0] for line in errors] == ["CMC_TIMEZONE"]


def test_no_firestore_is_503_with_retry_after(serve, whole):
    server = serve(**OPEN, FIRESTORE_EMULATOR_HOST=f"127.0.0.1:{free_port()}")

    status, answer, headers = server.post(whole)

    assert status == 503
    assert int(headers["Retry-After"]) > 0
    assert answer["error"]["code"] == "store_unavailable"
    line = server.lines()[-1]
    assert (line["severity"], line["status"]) == ("ERROR", 503)


def test_a_form_with_the_key_in_the_body_and_in_the_header(serve, documents):
    server = serve(CMC_API_KEYS="key")
    event = json.dumps({"deliveries": [make_record()]})
    body = urlencode({"server_composition": "pro", "event": event, "api_key": "key"}).encode()

    assert server.post(body, "application/x-www-form-urlencoded; charset=UTF-8")[0] == 200
    assert "key" not in json.dumps(documents(), default=str)


def test_a_start_with_google_credentials_asks_nobody(serve, tmp_path, whole):
    """A service account's key, made here, for a channel to Google that is never answered."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {
        "type": "service_account",
        "project_id": "demo-nowhere",
        "private_key": pem,
        "client_email": "cmc-webhook@demo-nowhere.iam.gserviceaccount.com",
        "token_uri": "http://127.0.0.1:9/token",
    }
    (tmp_path / "key.json").write_text(json.dumps(account))
    server = serve(
        **OPEN,
        FIRESTORE_EMULATOR_HOST="",
        GOOGLE_CLOUD_PROJECT="",
        GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "key.json"),
        # Whatever the network of this machine, nothing leaves it.
        HTTPS_PROXY="http://127.0.0.1:9",
        https_proxy="http://127.0.0.1:9",
        NO_PROXY="",
        no_proxy="",
    )

    assert server.post(b"x", "text/plain", {"Content-Encoding": "gzip"})[0] == 400
    status, answer, _ = server.post(whole)
    assert (status, answer["error"]["code"]) == (503, "store_unavailable")
