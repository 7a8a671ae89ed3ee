"""Conditional writes: races, refusals and outages, with rivals at the worst moment."""

from datetime import UTC, datetime

import pytest
from google.api_core import exceptions
from google.cloud.firestore import DELETE_FIELD
from google.cloud.firestore_v1.types import BatchWriteRequest

from cmc_webhook import database as rpc
from cmc_webhook.errors import StoreMisconfigured, StoreUnavailable
from cmc_webhook.status.cache import Cache
from cmc_webhook.status.document import fold
from cmc_webhook.status.events import REST
from cmc_webhook.status.pending import pending_status
from cmc_webhook.status.store import Saved, StatusStore
from tests.test_document import at, make_event

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Interrupted(rpc.Database):
    """The database, with something happening after a read or instead of a write."""

    def __init__(self, database):
        self.__dict__.update(database.__dict__)
        self.after_reads = []
        self.write_errors = []
        self.writes = 0
        self.written = []

    def read(self, *arguments):
        held = super().read(*arguments)
        if self.after_reads:
            self.after_reads.pop(0)()
        return held

    def write(self, *arguments):
        self.writes += 1
        self.written += BatchWriteRequest.pb().FromString(arguments[0]).writes
        if self.write_errors:
            raise self.write_errors.pop(0)
        return super().write(*arguments)


@pytest.fixture
def database(client, firestore_address):
    environ = {"FIRESTORE_EMULATOR_HOST": firestore_address, "GOOGLE_CLOUD_PROJECT": client.project}
    return Interrupted(rpc.connect(environ, "(default)"))


@pytest.fixture
def store(database):
    return StatusStore(database, "mail_statuses")


def save_all(store, documents, *, now=NOW, budget=None):
    """Save the events of each document, by id; return what became of each, by id."""
    saved = Saved()
    pending = {name: pending_status(events) for name, events in documents.items()}
    named = store.named("mail_statuses", pending)
    ids = dict(zip(named, documents, strict=True))
    store.save(named, now, budget or rpc.Budget(30), saved)
    return Saved(
        {ids[name] for name in saved.stored},
        {ids[name] for name in saved.unchanged},
        {ids[name]: why for name, why in saved.refused.items()},
    )


def save(store, events, name="one", seconds=30):
    return save_all(store, {name: events}, budget=rpc.Budget(seconds))


QUEUED = make_event(status="queued", created=at(0))
DEFERRED = make_event(status="deferred", created=at(1))
SUCCEEDED = make_event(status="succeeded", created=at(2))


@pytest.mark.parametrize("present", [False, True])
def test_a_rival_between_read_and_write_loses_nothing(store, database, client, documents, present):
    if present:
        save(store, [QUEUED])
    rival = StatusStore(database, "mail_statuses")
    database.after_reads = [lambda: save(rival, [SUCCEEDED])]

    assert save(store, [DEFERRED]).stored == {"one"}

    statuses = [event["status"] for event in documents()["one"]["events"]]
    assert statuses == ["queued", "deferred", "succeeded"][not present :]
    assert documents()["one"]["status"] == "succeeded"


def test_a_document_deleted_between_read_and_write_comes_back(store, database, client, documents):
    save(store, [QUEUED])
    database.after_reads = [client.collection("mail_statuses").document("one").delete]

    assert save(store, [SUCCEEDED]).stored == {"one"}
    assert documents()["one"]["status"] == "succeeded"


def test_a_rival_with_the_same_event_leaves_nothing_to_write(store, database, documents):
    rival = StatusStore(database, "mail_statuses")
    database.after_reads = [lambda: save(rival, [QUEUED])]

    assert save(store, [QUEUED]).unchanged == {"one"}
    assert len(documents()["one"]["events"]) == 1


def test_only_the_loser_is_written_again(store, database, documents):
    events = {f"mail{i}": [QUEUED] for i in range(10)}
    rival = StatusStore(database, "mail_statuses")
    database.after_reads = [lambda: save(rival, [SUCCEEDED], "mail3")]
    budget = rpc.Budget(30)

    saved = save_all(store, events, budget=budget)

    assert saved.stored == set(events)
    assert budget.rpcs == {"BatchGetDocuments": 2, "BatchWrite": 2}
    assert {d["status"] for n, d in documents().items() if n != "mail3"} == {"queued"}
    assert documents()["mail3"]["status"] == "succeeded"


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ServiceUnavailable,
        exceptions.Aborted,
        exceptions.DeadlineExceeded,
        exceptions.InternalServerError,
        exceptions.ResourceExhausted,
        exceptions.Unknown,
        exceptions.Cancelled,
    ],
)
def test_a_passing_fault_is_tried_again(store, database, documents, error):
    database.write_errors = [error("a moment")]

    assert save(store, [QUEUED]).stored == {"one"}
    assert database.writes == 2


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (exceptions.PermissionDenied, "roles/datastore.user"),
        (exceptions.Unauthenticated, "service account"),
        (exceptions.NotFound, "CMC_DATABASE"),
        (exceptions.FailedPrecondition, "Native mode"),
    ],
)
def test_a_refused_deployment_is_told_at_once(store, database, client, error, advice):
    database.write_errors = [error("MARKER")]

    with pytest.raises(StoreMisconfigured) as caught:
        save(store, [QUEUED])

    assert advice in str(caught.value)
    assert client.project in str(caught.value)
    assert "MARKER" not in str(caught.value)
    assert database.writes == 1


def test_any_other_refusal_is_unavailable_at_once(store, database):
    database.write_errors = [exceptions.OutOfRange("odd")]

    with pytest.raises(StoreUnavailable, match="OUT_OF_RANGE"):
        save(store, [QUEUED])


def test_endless_faults_end_with_the_budget(store, database):
    database.write_errors = [exceptions.Aborted("again") for _ in range(1000)]

    with pytest.raises(StoreUnavailable):
        save(store, [QUEUED], seconds=1)

    assert 1 < database.writes < 200


def test_what_is_left_of_a_large_post_after_the_deadline_is_not_tried(database):
    store = StatusStore(database, "mail_statuses", cache=Cache())
    events = {f"mail{number}": [QUEUED] for number in range(1_000)}

    with pytest.raises(StoreUnavailable, match="1000 of 1000"):
        save_all(store, events, budget=rpc.Budget(-1))
    assert database.writes == 0


def test_the_one_write_that_firestore_refuses_is_found(store, client, documents):
    # With what another writer has put there, the document is about to pass 1 MiB.
    full = {"events": [], "ours": "x" * (1024 * 1024 - 200)}
    client.collection("mail_statuses").document("mail3").set(full)
    events = {f"mail{i}": [QUEUED] for i in range(10)}

    saved = save_all(store, events)

    assert saved.refused == {"mail3": "refused_by_firestore"}
    assert saved.stored == events.keys() - {"mail3"}
    assert documents()["mail3"] == full
    assert len(documents()) == 10


def test_a_call_that_firestore_refuses_is_halved_until_the_write_is_alone(
    store, database, documents
):
    class Refusing(Interrupted):
        def write(self, request, budget):
            writes = BatchWriteRequest.pb().FromString(request).writes
            if any(write.update.name.endswith("mail3") for write in writes):
                raise exceptions.InvalidArgument("one of them")
            return super().write(request, budget)

    store = StatusStore(Refusing(database), "mail_statuses")
    events = {f"mail{i}": [QUEUED] for i in range(10)}

    budget = rpc.Budget(30)
    saved = save_all(store, events, budget=budget)

    assert saved.refused == {"mail3": "refused_by_firestore"}
    assert documents().keys() == events.keys() - {"mail3"}
    assert budget.rpcs["BatchGetDocuments"] == 1


def test_a_request_stays_below_the_limit_of_firestore(store, documents):
    history = [
        make_event(status="deferred", created=at(i), reason=f"{i}{'語' * 1300}") for i in range(60)
    ]
    budget = rpc.Budget(30)

    saved = save_all(store, {f"mail{i}": history for i in range(50)}, budget=budget)  # 12 MB

    assert len(saved.stored) == 50
    assert budget.rpcs == {"BatchGetDocuments": 1, "BatchWrite": 4}
    assert {len(document["events"]) for document in documents().values()} == {60}


def test_first_and_last_write_are_told(store, documents):
    save(store, [QUEUED])
    later = datetime(2026, 1, 2, tzinfo=UTC)
    save_all(store, {"one": [SUCCEEDED]}, now=later)
    save_all(store, {"one": [SUCCEEDED]}, now=datetime(2026, 1, 3, tzinfo=UTC))

    assert documents()["one"]["first_received_at"] == NOW
    assert documents()["one"]["last_received_at"] == later


def test_a_reason_that_no_longer_holds_is_deleted(store, documents):
    save(store, [make_event(status="deferred", created=at(1), reason="busy")])
    assert documents()["one"]["reason"] == "busy"

    save(store, [SUCCEEDED])

    assert "reason" not in documents()["one"]


def test_both_calls_carry_the_headers_by_which_firestore_finds_the_database(faulty, client):
    environ = {"FIRESTORE_EMULATOR_HOST": faulty.address, "GOOGLE_CLOUD_PROJECT": client.project}
    save(StatusStore(rpc.connect(environ, "mails"), "mail_statuses"), [QUEUED])

    database = f"projects/{client.project}/databases/mails"
    routing = {
        "google-cloud-resource-prefix": database,
        "x-goog-request-params": f"database={database}",
    }
    for call in ("BatchGetDocuments", "BatchWrite"):
        assert routing.items() <= faulty.headers[call].items()


def deferrals(*seconds):
    return [
        make_event(status="deferred", created=f"2025-01-25 15:{s // 60:02}:{s % 60:02}")
        for s in seconds
    ]


def of_rest(*events):
    return [event._replace(source=REST) for event in events]


def edit(client, **fields):
    client.collection("mail_statuses").document("one").update(fields)


def drop_reason(client):
    events = client.collection("mail_statuses").document("one").get().to_dict()["events"]
    edit(client, events=[*events[:-1], events[-1] | {"reason": "edited"}])


def swap(client):
    events = client.collection("mail_statuses").document("one").get().to_dict()["events"]
    edit(client, events=events[::-1])


HISTORIES = {
    # What is stored, what somebody does to it, the next events, and whether these are appended.
    "the next event": (deferrals(1, 2), None, deferrals(3), True),
    "several, and one that is known": (deferrals(1, 2), None, deferrals(2, 3, 4), True),
    "the last that fits": (deferrals(*range(63)), None, deferrals(63), True),
    "one too many": (deferrals(*range(64)), None, deferrals(64), False),
    "an older one": (deferrals(1, 3), None, deferrals(2), False),
    "an older and a newer one": (deferrals(1, 3), None, deferrals(2, 4), False),
    "an edited element": (deferrals(1, 2), drop_reason, deferrals(3), True),
    "an edited order": (deferrals(1, 2), swap, deferrals(3), False),
    "a null in an element": (
        deferrals(1),
        lambda client: edit(
            client, events=[{"at": QUEUED.at, "id": "a", "status": "queued", "x": None}]
        ),
        deferrals(3),
        False,
    ),
    "no history": (
        deferrals(1),
        lambda client: edit(client, events=DELETE_FIELD),
        deferrals(3),
        False,
    ),
    "one of REST": ([QUEUED], None, of_rest(*deferrals(3)), True),
    "the twin of the last, which was of REST": (
        [QUEUED, *of_rest(*deferrals(3))],
        None,
        deferrals(4),
        False,
    ),
    "the same of a post": ([QUEUED, *of_rest(*deferrals(3))], None, deferrals(3), False),
    "an empty history": (deferrals(1), lambda client: edit(client, events=[]), deferrals(3), False),
}


@pytest.mark.parametrize(
    ("stored", "happens", "then", "appended"), HISTORIES.values(), ids=HISTORIES
)
@pytest.mark.parametrize("is_cached", [False, True])
def test_the_history_is_appended_where_it_only_grows(
    database, client, documents, stored, happens, then, appended, is_cached
):
    """Whoever changed the document: the history is the same as when it is written whole."""
    store = StatusStore(database, "mail_statuses", cache=Cache() if is_cached else None)
    save(store, stored)
    if happens:
        happens(client)
    held = documents()["one"]
    save(store, then)

    last = database.written[-1]
    assert bool(last.update_transforms) == appended
    assert ("events" in last.update_mask.field_paths) != appended
    assert last.update_mask.field_paths
    assert documents()["one"]["events"] == fold(held, then)["events"]
    for transform in last.update_transforms:
        assert len(transform.append_missing_elements.values) <= len(then)


def test_null_is_an_absent_field_in_what_firestore_returns(database, client, documents):
    save(StatusStore(database, "mail_statuses"), [QUEUED])
    [event] = documents()["one"]["events"]
    edit(client, subject=None, api_data=None, events=[event | {"reason": None, "more": None}])

    saved = save(StatusStore(database, "mail_statuses"), [SUCCEEDED])

    assert saved.stored == {"one"}
    assert documents()["one"]["events"] == fold({}, [QUEUED, SUCCEEDED])["events"]
    assert documents()["one"]["subject"] == QUEUED.description["subject"]
