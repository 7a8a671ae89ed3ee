"""With CMC_LOG_UNSTORED, what a 503 leaves behind is in the log and can be posted again."""

import json

import pytest

from tests.support.faults import WRITE, Fault, FaultyFirestore
from tests.support.records import make_post, make_record

RECORDS = [make_record(messageId=f"<{i}@example.com>", reason="語" * 900) for i in range(100)]
MOST = 100_000


@pytest.fixture
def faulty(firestore_address, monkeypatch):
    monkeypatch.setattr("cmc_webhook.status.webhook.StatusWebhook.budget_s", 0.3)
    proxy = FaultyFirestore(firestore_address)
    yield proxy
    proxy.stop()


@pytest.fixture
def function(make_function, faulty):
    return make_function(
        CMC_API_KEYS="secret-key",
        CMC_LOG_UNSTORED="true",
        FIRESTORE_EMULATOR_HOST=faulty.address,
    )


def send(function, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return function.post("/", data=data, headers={"Authorization": "Bearer secret-key"})


def logged(capsys, name="envelope"):
    lines = capsys.readouterr().out.splitlines()
    entries = [line for line in lines if name in json.loads(line)]
    assert all(len(line.encode()) <= MOST for line in entries)
    return [json.loads(line)[name] for line in entries]


def test_what_was_not_stored_is_logged_and_stored_when_posted_again(
    function, faulty, documents, quarantine, capsys
):
    faulty.plan = lambda rpc: Fault(before="UNAVAILABLE")
    bounce = make_record(messageId="<b@example.com>", status="2")
    post = make_post([*RECORDS, {"odd": "half \ud83d"}], [bounce], api_key="secret-key")
    assert send(function, post).status_code == 503
    envelopes = logged(capsys)
    assert len(envelopes) > 1
    assert "secret-key" not in "".join(envelopes)

    faulty.plan = lambda rpc: None
    answers = [send(function, envelope.encode()).json for envelope in envelopes]

    assert sum(answer["stored"] for answer in answers) == 101
    assert {d["server_composition"] for d in documents().values()} == {"pro"}
    assert [json.loads(entry["content"]) for entry in quarantine()] == [{"odd": "half \ud83d"}]
    assert send(function, post).json["unchanged"] == 101


def test_only_what_was_not_stored_is_logged(function, faulty, capsys):
    faulty.plan = lambda rpc: Fault(
        writes={1: "ABORTED"}, before="" if rpc == WRITE else "UNAVAILABLE"
    )

    assert send(function, make_post(RECORDS[:3])).status_code == 503

    [envelope] = logged(capsys)
    assert [r["messageId"] for r in json.loads(envelope)["event"]["deliveries"]] == [
        "<1@example.com>"
    ]


def test_a_record_that_is_too_long_is_logged_without_what_makes_it_so(function, faulty, capsys):
    faulty.plan = lambda rpc: Fault(before="UNAVAILABLE")
    odd = {"deliveries": [RECORDS[0] | {"junk": "x" * 500_000}, "y" * 500_000]}
    assert send(function, {"event": odd}).status_code == 503

    [envelope] = logged(capsys)
    assert json.loads(envelope)["event"] == {"deliveries": [RECORDS[0]]}


@pytest.mark.parametrize("event", [{}, {"messageId": "<a@b>"}])
def test_an_event_without_a_list_is_logged_as_it_is(function, faulty, capsys, event):
    faulty.plan = lambda rpc: Fault(before="UNAVAILABLE")
    assert send(function, {"event": event, "event_type": "word"}).status_code == 503

    [envelope] = logged(capsys)
    assert json.loads(envelope) == {"event": event, "event_type": "word", "server_composition": ""}


def test_a_body_that_is_no_event_is_logged_as_far_as_it_fits(function, faulty, capsys):
    faulty.plan = lambda rpc: Fault(before="UNAVAILABLE")
    assert send(function, b"api_key=secret-key&" + b"x" * 200_000).status_code == 503

    [body] = logged(capsys, "body")
    assert body.startswith("api_key=[redacted]&xxx")


def test_it_is_off_by_default(make_function, faulty, capsys):
    function = make_function(CMC_API_KEYS="secret-key", FIRESTORE_EMULATOR_HOST=faulty.address)
    faulty.plan = lambda rpc: Fault(before="UNAVAILABLE")

    assert send(function, make_post(RECORDS)).status_code == 503
    assert send(function, b"x").status_code == 503
    assert "example" not in capsys.readouterr().out
