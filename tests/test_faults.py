"""Firestore fails in every way it can; nothing is lost and nothing is wrong."""

import random
import time

import pytest

from tests.support.faults import (
    CHANCES,
    EVERYTHING,
    HANGING_S,
    READ,
    RESET,
    SINGLE,
    TRANSIENT,
    WRITE,
    Fault,
    at_random,
    once,
)
from tests.support.ledger import ADDRESSES, Ledger, body_of, shuffled_posts
from tests.support.records import make_post, make_record

RECORDS = [make_record(messageId=f"<{i}@example.com>") for i in range(5)]


@pytest.fixture
def function(make_function, faulty):
    return make_function(CMC_ALLOW_UNAUTHENTICATED="true", FIRESTORE_EMULATOR_HOST=faulty.address)


BUDGET = "cmc_webhook.status.webhook.StatusWebhook.budget_s"


@pytest.fixture
def impatient(monkeypatch):
    """A deadline that is often over before the faults are, and calls that are soon given up."""
    monkeypatch.setattr(BUDGET, 0.3)
    monkeypatch.setattr("cmc_webhook.database._LONGEST_RPC_S", 0.1)


FAULTS = [*CHANCES, EVERYTHING]


@pytest.mark.repeat("seed", "--seeds")
def test_a_random_schedule_of_faults(seed, function, faulty, documents, impatient, tally):
    """The seed chooses the fault, too; half of the calls fail, and at least the first."""
    rng = random.Random(seed)
    fault = FAULTS[seed % len(FAULTS)]
    posts = shuffled_posts(mails=10, size=5, rng=rng)
    ledger, again = Ledger(), []
    faulty.plan = at_random(random.Random(seed), 0.5, fault)

    def send(post):
        body, content_type = body_of(post, rng)
        started = time.monotonic()
        status = function.post("/", data=body, content_type=content_type).status_code
        ledger.note(post, status, time.monotonic() - started)
        assert status in (200, 503)
        if status != 200:
            again.append(post)

    for post in posts:
        send(post)
    ledger.check(documents(), documents(ADDRESSES))

    while again:  # until each is answered 200
        send(again.pop(0))
    tally(
        fault,
        ledger,
        documents(),
        documents(ADDRESSES),
        planned=faulty.planned,
        fired=faulty.fired.total(),
    )


@pytest.mark.parametrize("code", [*TRANSIENT, "UNKNOWN", "CANCELLED", RESET])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("rpc", [READ, WRITE])
def test_a_passing_fault_of_a_call_costs_the_sender_nothing(
    function, faulty, documents, rpc, when, code
):
    record = RECORDS[0] | {"status": "succeeded"}  # of a mail that must be read first
    faulty.plan = once(rpc, Fault(**{when: code}))

    answer = function.post("/", json=make_post([record]))

    assert answer.status_code == 200
    assert sum(faulty.fired.values()) == 1
    assert [document["status"] for document in documents().values()] == ["succeeded"]


@pytest.mark.parametrize("code", SINGLE)
@pytest.mark.parametrize("applied", [frozenset(), frozenset({1, 3})])
def test_single_writes_that_fail_are_written_in_the_end(function, faulty, documents, code, applied):
    faulty.plan = once(WRITE, Fault(writes={1: code, 3: code}, applied=applied))

    answer = function.post("/", json=make_post(RECORDS))

    assert answer.status_code == 200
    assert answer.json["stored"] == 5 - len(applied)
    assert faulty.fired.total() == 2
    assert len(documents()) == 5


def test_a_write_that_is_refused_for_its_content_goes_to_quarantine(
    function, faulty, documents, quarantine
):
    faulty.plan = once(WRITE, Fault(writes={2: "INVALID_ARGUMENT"}))

    answer = function.post("/", json=make_post(RECORDS))

    assert answer.json == {"received": 5, "stored": 4, "unchanged": 0, "quarantined": 1}
    assert [entry["why"] for entry in quarantine()] == ["refused_by_firestore"]
    assert len(documents()) == 4


@pytest.mark.parametrize("code", ["PERMISSION_DENIED", "UNAUTHENTICATED", "DATA_LOSS"])
def test_a_write_that_is_refused_for_another_reason_is_503(function, faulty, quarantine, code):
    faulty.plan = lambda rpc: Fault(writes={2: code}) if rpc == WRITE else None

    assert function.post("/", json=make_post(RECORDS)).status_code == 503
    assert quarantine() == []


@pytest.mark.parametrize("rpc", [READ, WRITE])
@pytest.mark.parametrize(
    "code",
    ["PERMISSION_DENIED", "UNAUTHENTICATED", "NOT_FOUND", "FAILED_PRECONDITION", "DATA_LOSS"],
)
def test_a_refused_deployment_is_503_at_once_and_never_quarantine(
    function, faulty, quarantine, rpc, code
):
    faulty.plan = lambda called: Fault(before=code) if called == rpc else None
    record = RECORDS[0] | {"status": "succeeded"}

    assert function.post("/", json=make_post([record])).status_code == 503
    assert faulty.fired.total() == 1
    assert quarantine() == []


QUARANTINED = [({"event": {"deliveries": [{}]}}, 200), ({"event": 1}, 400)]


@pytest.mark.parametrize(("body", "status"), QUARANTINED)
@pytest.mark.parametrize("code", ["UNAVAILABLE", "INVALID_ARGUMENT"])
def test_a_quarantine_that_fails_is_503(
    function, faulty, quarantine, impatient, body, status, code
):
    faulty.plan = lambda rpc: Fault(before=code)

    assert function.post("/", json=body).status_code == 503
    assert quarantine() == []


@pytest.mark.parametrize(("body", "status"), QUARANTINED)
def test_a_quarantine_whose_answer_was_lost_is_kept_once(
    function, faulty, quarantine, body, status
):
    faulty.plan = once(WRITE, Fault(after="UNAVAILABLE"))

    assert function.post("/", json=body).status_code == status
    assert len(quarantine()) == 1


@pytest.mark.parametrize("rpc", [READ, WRITE])
def test_a_hung_call_is_given_up_and_the_answer_comes_in_time(
    function, faulty, documents, rpc, monkeypatch
):
    monkeypatch.setattr("cmc_webhook.database._LONGEST_RPC_S", 0.5)
    faulty.plan = once(rpc, Fault(delay=HANGING_S))
    record = RECORDS[0] | {"status": "succeeded"}

    answer = function.post("/", json=make_post([record]))

    assert answer.status_code == 200
    assert faulty.fired == {f"{rpc} late": 1}
    assert len(documents()) == 1


def test_what_was_stored_before_the_deadline_stays(function, faulty, documents):
    post = make_post(RECORDS[:4])
    faulty.plan = lambda rpc: Fault(writes={3: "ABORTED"}, before="" if rpc == WRITE else "ABORTED")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BUDGET, 2)  # long enough for the one call that stores the others
        assert function.post("/", json=post).status_code == 503
    assert len(documents()) == 3

    faulty.plan = lambda rpc: None
    answer = function.post("/", json=post)
    assert answer.json == {"received": 4, "stored": 1, "unchanged": 3, "quarantined": 0}
