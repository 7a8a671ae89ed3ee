"""Many clients at once: threads of this process, and processes of their own."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.api_core.exceptions import AlreadyExists
from google.cloud import firestore

THREADS = 8

# Adds 1 to one document so many times, each time with the update time as a precondition, and reads
# the collection in between.
WRITER = """
import sys
from google.api_core.exceptions import FailedPrecondition
from google.cloud import firestore

client = firestore.Client(project=sys.argv[1])
counter = client.document("mails/counter")
done = 0
while done < int(sys.argv[2]):
    snapshot = counter.get()
    assert [d.get("n") for d in client.collection("mails").stream()][0] >= snapshot.get("n")
    option = client.write_option(last_update_time=snapshot.update_time)
    try:
        counter.update({"n": snapshot.get("n") + 1}, option=option)
        done += 1
    except FailedPrecondition:
        continue
"""


def at_once(action, count):
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(action, range(count)))


def test_of_racing_creates_one_wins(mails):
    def create(n):
        try:
            mails.document(f"d{n // THREADS}").create({"winner": n})
        except AlreadyExists:
            return None
        return n

    winners = {n for n in at_once(create, THREADS * 10) if n is not None}

    assert len(winners) == 10
    assert {d.get("winner") for d in mails.stream()} == winners


def test_increments_and_unions_of_many_threads_lose_nothing(mails):
    mails.document("a").set({"n": 0, "list": []})
    at_once(
        lambda n: mails.document("a").update(
            {"n": firestore.Increment(1), "list": firestore.ArrayUnion([n])}
        ),
        200,
    )

    a = mails.document("a").get()
    assert a.get("n") == 200
    assert sorted(a.get("list")) == list(range(200))


@pytest.mark.builtin("queries of Google's emulator see half of a batch")
def test_no_reader_sees_half_a_batch(client, mails):
    def write(n):
        batch = client.batch()
        for document_id in "abc":
            batch.set(mails.document(document_id), {"n": n})
        batch.commit()

    def write_or_read(n):
        if n % 2:
            write(n)
        return {d.get("n") for d in mails.stream()}

    write(0)

    assert all(len(numbers) == 1 for numbers in at_once(write_or_read, 200))


def test_times_of_many_threads_are_all_different(mails):
    times = at_once(lambda n: mails.document(f"d{n}").set({"n": n}).update_time, 200)

    assert len(set(times)) == 200


def test_processes_see_each_others_writes(client, mails, scale):
    times = int(40 * scale)
    mails.document("counter").set({"n": 0})
    command = [sys.executable, "-c", WRITER, client.project, str(times)]
    processes = [subprocess.Popen(command) for _ in range(3)]

    assert [process.wait() for process in processes] == [0, 0, 0]
    assert mails.document("counter").get().get("n") == 3 * times
