"""With CMC_LOG_UNSTORED, what a 503 leaves behind is in the log and can be posted again."""

import json

import pytest

from tests.support.faults import WRITE, Fault
from tests.support.records import make_post, make_record

RECORDS = [make_record(messageId=f"<{i}@example.com>", reason="語" * 900) for i in range(100)]
MOST = 100_000


@pytest.fixture
def function(make_function, faulty):
    return make_function(
        CMC_API_KEYS="secret-key",
        CMC_LOG_UNSTORED="true",
        FIRESTORE_EMULATOR_HOST=faulty.address,
    )


def send(function, body, seconds=7.0):
    """Post *body*; the function gives up after *seconds*."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cmc_webhook.status.webhook.StatusWebhook.budget_s", seconds)
        return function.post("/", data=data, headers={"Authorization": "Bearer secret-key"})


def refuse(function, faulty, body):
    """Post *body* while Firestore is away."""
    faulty.plan = lambda rpc: Fault(before="UNAVAILABLE")
    assert send(function, body, seconds=0.3).status_code == 503


def logged(capsys, name="envelope"):
    lines = capsys.readouterr().out.splitlines()
    entries = [line for line in lines if name in json.loads(line)]
    assert all(len(line.encode()) <= MOST for line in entries)
    return [json.loads(line)[name] for line in entries]


def test_what_was_not_stored_is_logged_and_stored_when_posted_again(
    function, faulty, documents, quarantine, capsys
):
    bounce = make_record(messageId="<b@example.com>", status="2")
    told = make_record(messageId="<told@example.com>", subject="my key is secret-key")
    post = make_post([*RECORDS, told, {"odd": "half \ud83d"}], [bounce], api_key="secret-key")
    refuse(function, faulty, post)
    envelopes = logged(capsys)
    assert len(envelopes) > 1
    assert "secret-key" not in "".join(envelopes)

    faulty.plan = lambda rpc: None
    answers = [send(function, envelope.encode()).json for envelope in envelopes]

    assert sum(answer["stored"] for answer in answers) == 102
    assert {d["server_composition"] for d in documents().values()} == {"pro"}
    assert [json.loads(entry["content"]) for entry in quarantine()] == [{"odd": "half \ud83d"}]
    assert send(function, post).json["unchanged"] == 101


def test_only_what_was_not_stored_is_logged(function, faulty, capsys):
    faulty.plan = lambda rpc: Fault(
        writes={1: "ABORTED"}, before="" if rpc == WRITE else "UNAVAILABLE"
    )

    # Long enough for the one call that stores the others.
    assert send(function, make_post(RECORDS[:3]), seconds=2).status_code == 503

    [envelope] = logged(capsys)
    assert [r["messageId"] for r in json.loads(envelope)["event"]["deliveries"]] == [
        "<1@example.com>"
    ]


def test_a_record_that_is_too_long_is_logged_without_what_makes_it_so(function, faulty, capsys):
    odd = {"deliveries": [RECORDS[0] | {"junk": "x" * 500_000}, "y" * 500_000]}
    refuse(function, faulty, {"event": odd})

    [envelope] = logged(capsys)
    assert json.loads(envelope)["event"] == {"deliveries": [RECORDS[0]]}


@pytest.mark.parametrize("event", [{}, {"messageId": "<a@b>"}])
def test_an_event_without_a_list_is_logged_as_it_is(function, faulty, capsys, event):
    refuse(function, faulty, {"event": event, "event_type": "word"})

    [envelope] = logged(capsys)
    assert json.loads(envelope) == {"event": event, "event_type": "word", "server_composition": ""}


def test_a_body_that_is_no_event_is_logged_as_far_as_it_fits(function, faulty, capsys):
    refuse(function, faulty, b"api_key=secret-key&" + b"x" * 200_000)

    [body] = logged(capsys, "body")
    assert body.startswith("api_key=[redacted]&xxx")


def test_it_is_off_by_default(make_function, faulty, capsys):
    function = make_function(CMC_API_KEYS="secret-key", FIRESTORE_EMULATOR_HOST=faulty.address)
    refuse(function, faulty, make_post(RECORDS))
    refuse(function, faulty, b"x")
    assert "example" not in capsys.readouterr().out
