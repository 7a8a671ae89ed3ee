"""The cache: a wrong, stale or evicted entry costs a read and never a wrong document."""

import copy
import random
import threading
import time
import tracemalloc

import pytest
from google.api_core import exceptions
from google.cloud.firestore import GeoPoint

from cmc_webhook import database as rpc
from cmc_webhook.database import Held
from cmc_webhook.errors import StoreUnavailable
from cmc_webhook.status import cache, document
from cmc_webhook.status.history import HISTORY
from cmc_webhook.status.store import StatusStore
from tests.test_document import at, make_event
from tests.test_store import DEFERRED, QUEUED, SUCCEEDED, Interrupted, save_all


@pytest.fixture
def database(client, firestore_address):
    environ = {"FIRESTORE_EMULATOR_HOST": firestore_address, "GOOGLE_CLOUD_PROJECT": client.project}
    return Interrupted(rpc.connect(environ, "(default)"))


@pytest.fixture
def cached():
    return cache.Cache()


@pytest.fixture
def store(database, cached):
    return StatusStore(database, "mail_statuses", cache=cached)


@pytest.fixture
def other(database):
    """Another instance of the function, which knows nothing of this one."""
    return StatusStore(database, "mail_statuses", cache=cache.Cache())


def name_of(database, document_id):
    return database.document("mail_statuses", document_id)


def save(store, *events, name="one", seconds=30):
    budget = rpc.Budget(seconds)
    saved = save_all(store, {name: list(events)}, budget=budget)
    [outcome] = [o for o in ("stored", "unchanged") if getattr(saved, o)]
    return outcome, dict(budget.rpcs)


ONE_WRITE = {"BatchWrite": 1}
ONE_READ = {"BatchGetDocuments": 1}


def test_a_life_on_one_instance_costs_one_write_a_fact_and_no_read(store, documents):
    assert save(store, QUEUED) == ("stored", ONE_WRITE)
    assert save(store, DEFERRED) == ("stored", ONE_WRITE)
    assert save(store, SUCCEEDED) == ("stored", ONE_WRITE)
    assert save(store, QUEUED, DEFERRED, SUCCEEDED) == ("unchanged", {})
    assert documents()["one"]["status"] == "succeeded"
    assert len(documents()["one"]["events"]) == 3


def test_a_mail_that_is_not_known_is_read_first(store, other):
    save(other, QUEUED)

    assert save(store, SUCCEEDED) == ("stored", ONE_READ | ONE_WRITE)
    assert save(store, DEFERRED) == ("stored", ONE_WRITE)


def test_a_queued_event_is_taken_for_a_new_document_and_read_if_that_is_wrong(
    store, other, documents
):
    save(other, SUCCEEDED)

    assert save(store, QUEUED) == ("stored", ONE_READ | {"BatchWrite": 2})
    assert [event["status"] for event in documents()["one"]["events"]] == ["queued", "succeeded"]


def test_a_stale_entry_is_read_again(store, other, documents):
    save(store, QUEUED)
    save(other, DEFERRED)

    assert save(store, SUCCEEDED) == ("stored", ONE_READ | {"BatchWrite": 2})
    assert len(documents()["one"]["events"]) == 3


def test_a_document_deleted_behind_the_cache_comes_back_when_the_post_is_repeated_after_a_minute(
    store, client, documents, monkeypatch
):
    save(store, QUEUED)
    client.collection("mail_statuses").document("one").delete()
    assert save(store, QUEUED) == ("unchanged", {})

    monkeypatch.setattr(cache, "_TRUSTED_S", 0)  # a minute later

    assert save(store, QUEUED) == ("stored", ONE_READ | ONE_WRITE)
    assert documents()["one"]["status"] == "queued"


def test_a_document_deleted_behind_the_cache_comes_back_with_new_news(store, client, documents):
    save(store, QUEUED)
    client.collection("mail_statuses").document("one").delete()

    assert save(store, SUCCEEDED)[0] == "stored"
    assert documents()["one"]["status"] == "succeeded"


def test_a_repeat_after_a_minute_costs_one_read_and_is_trusted_again(store, database, cached):
    save(store, QUEUED)
    entry = cached.get(name_of(database, "one"))
    cached.put(name_of(database, "one"), entry.held, asked_at=time.monotonic() - 61)

    assert save(store, QUEUED) == ("unchanged", ONE_READ)
    assert save(store, QUEUED) == ("unchanged", {})


def test_what_was_only_read_is_known_too(store, other):
    save(other, QUEUED, DEFERRED)

    assert save(store, DEFERRED) == ("unchanged", ONE_READ)
    assert save(store, DEFERRED) == ("unchanged", {})


@pytest.mark.parametrize("known", [False, True])
def test_a_repeat_is_not_answered_from_a_write_that_is_unanswered_and_then_fails(
    database, cached, documents, known
):
    """The first write hangs and fails; the repeat that came meanwhile must write for itself."""
    hanging, failing = threading.Event(), threading.Event()

    class Hanging(Interrupted):
        def write(self, *arguments):
            hanging.set()
            failing.wait(30)
            raise exceptions.OutOfRange("for good")

    if known:
        save(StatusStore(database, "mail_statuses", cache=cached), QUEUED)
    fact = SUCCEEDED if known else QUEUED
    first = StatusStore(Hanging(database), "mail_statuses", cache=cached)
    failed = []

    def post():
        try:
            save(first, fact)
        except StoreUnavailable as error:
            failed.append(error)

    thread = threading.Thread(target=post)
    thread.start()
    hanging.wait(30)

    repeat = StatusStore(database, "mail_statuses", cache=cached)
    assert save(repeat, fact) == ("stored", ONE_WRITE)

    failing.set()
    thread.join()
    assert failed
    assert documents()["one"]["status"] == fact.status
    assert save(repeat, fact)[0] == "unchanged"


def test_what_a_failed_write_has_left_is_not_cached(store, database, cached):
    save(store, QUEUED)
    database.write_errors = [exceptions.DataLoss("for good")]
    assert cached.get(name_of(database, "one"))

    with pytest.raises(StoreUnavailable):
        save(store, SUCCEEDED)

    database.write_errors = [exceptions.Aborted("again")] * 1000
    with pytest.raises(StoreUnavailable):
        save(store, SUCCEEDED, seconds=0.3)
    assert cached.get(name_of(database, "one")) is None


def test_an_unknown_outcome_is_read_again(store, database, documents):
    save(store, QUEUED)
    database.write_errors = [exceptions.DeadlineExceeded("who knows")]

    assert save(store, SUCCEEDED) == ("stored", ONE_READ | ONE_WRITE)
    assert documents()["one"]["status"] == "succeeded"


def held(second, **fields):
    return Held({"status": "queued", **fields}, second)


def test_of_two_versions_the_later_stays(cached):
    cached.put("one", held(2, subject="later"), 0.0)
    cached.put("one", held(1, subject="earlier"), 0.0)

    assert cached.get("one").held.fields["subject"] == "later"


class Watched(cache.Cache):
    """A cache that fails where somebody has changed what it handed out or was given."""

    def __init__(self):
        super().__init__()
        self.copies = {}

    def get(self, name):
        cached = super().get(name)
        if cached:
            assert cached.held.fields == self.copies[name]
        return cached

    def put(self, name, held, asked_at):
        self.get(name)
        super().put(name, held, asked_at)
        self.copies[name] = copy.deepcopy(held.fields)


def test_nobody_changes_a_cached_document(database, other, client, documents):
    watched = Watched()
    store = StatusStore(database, "mail_statuses", cache=watched)
    words = ["queued", "deferred", "succeeded", "failed"]
    rng = random.Random(1)
    events = [
        make_event(status=rng.choice(words), created=at(i % 60), reason=str(i))
        for i in range(HISTORY)
    ]
    events += [make_event("bounces", status=code, created=at(59)) for code in ("2", "5", "11")]
    for number in range(150):
        save(other if number % 10 == 9 else store, *rng.sample(events, 3))
        if number % 25 == 24:
            client.collection("mail_statuses").document("one").update({"reason": "edited"})
    save(store, *events)

    watched.get(name_of(database, "one"))
    assert len(documents()["one"]["events"]) >= HISTORY


@pytest.mark.parametrize(("length", "text"), [(1, ""), (8, ""), (64, ""), (1, "x" * 900)])
def test_the_size_of_an_entry_is_estimated(length, text):
    cached = cache.Cache(most_bytes=10**9)
    tracemalloc.start()
    try:
        for number in range(50):
            events = [
                make_event(
                    messageId=f"<{number}{text}@example.com>",
                    returnPath=f"{number}{text}@example.com",
                    sourceIp=f"{number}{text}",
                    status="deferred",
                    created=at(i % 60),
                    reason=f"452 4.2.2 mailbox {number} is full for the {i}th time",
                )
                for i in range(length)
            ]
            name = f"projects/p/databases/(default)/documents/mail_statuses/{number}"
            cached.put(name, Held(document.fold({}, events), 1), 0.0)
            del events
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    estimated = sum(entry.size for entry in cached._entries.values())
    # A character counts as the two bytes that one of a Japanese text takes.
    assert 0.9 * taken < estimated < (2 if text else 1.5) * taken


def test_the_memory_is_bounded_and_the_oldest_forgotten():
    cached = cache.Cache(most_bytes=100_000)
    for number in range(1000):
        cached.put(f"mail{number}", held(1, subject="x" * 500), 0.0)

    known = [number for number in range(1000) if cached.get(f"mail{number}")]
    assert known == list(range(1000 - len(known), 1000))
    assert 40 < len(known) < 100


def test_an_evicted_entry_costs_a_read(database, documents):
    store = StatusStore(database, "mail_statuses", cache=cache.Cache(most_bytes=0))
    save(store, QUEUED)

    assert save(store, SUCCEEDED) == ("stored", ONE_READ | ONE_WRITE)
    assert documents()["one"]["status"] == "succeeded"


@pytest.mark.parametrize("value", [1.5, GeoPoint(1, 2)])
def test_values_that_only_others_write_stay(cached, client, database, store, documents, value):
    save(store, QUEUED)
    reference = client.collection("mail_statuses").document("one")
    events = documents()["one"]["events"]
    reference.update({"events": [events[0] | {"ours": value}]})

    for event in (SUCCEEDED, make_event(status="failed", created=at(9))):
        assert save(store, event)[0] == "stored"
        assert documents()["one"]["events"][0]["ours"] == value
    assert cached.get(name_of(database, "one"))


def test_many_threads_on_few_mails(store, other, documents):
    events = [make_event(status="deferred", created=at(i), reason=str(i)) for i in range(40)]

    def post(some):
        for event in some:
            save(store if event.at.second % 2 else other, event, name=f"mail{event.at.second % 3}")

    threads = [threading.Thread(target=post, args=(events[i::8],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    kept = [event["reason"] for document in documents().values() for event in document["events"]]
    assert sorted(kept, key=int) == [str(i) for i in range(40)]
