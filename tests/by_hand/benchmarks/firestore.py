"""
Times a Firestore: the one that FIRESTORE_EMULATOR_HOST names, else the built-in one on a file.

Run as `python -m tests.by_hand.benchmarks.firestore`.
"""

import argparse
import contextlib
import itertools
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.bulk_batch import BulkWriteBatch

BATCH = 100


def fields(n: int) -> dict[str, Any]:
    """A document about the size of a mail's status."""
    return {
        "status": ("queued", "succeeded", "bounced", "failed")[n % 4],
        "n": n,
        "to": f"user{n}@example.jp",
        "subject": "お知らせ" * 5,
        "reason": "550 5.1.1 user unknown " * 5,
        "created_at": firestore.SERVER_TIMESTAMP,
        "events": [{"id": f"{n}-{event}", "status": "queued"} for event in range(3)],
    }


def write_batch(client: firestore.Client, mails: firestore.CollectionReference, start: int) -> None:
    batch = BulkWriteBatch(client)
    for n in range(start, start + BATCH):
        batch.create(mails.document(f"b{n}"), fields(n))
    response = batch.commit()
    assert not any(status.code for status in response.status)


def report(name: str, action: Callable[[int], object], repeats: int) -> None:
    times = []
    for n in range(repeats):
        begin = time.perf_counter()
        action(n)
        times.append((time.perf_counter() - begin) * 1000)
    p99 = statistics.quantiles(times, n=100, method="inclusive")[98]
    per_second = 1000 * repeats / sum(times)
    print(f"{name:44}{statistics.median(times):10.1f}{p99:10.1f}{per_second:12.1f}")


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Start the built-in Firestore unless the environment names one."""
    if os.environ.get("FIRESTORE_EMULATOR_HOST"):
        yield
        return

    from cmc_webhook.local_firestore.server import start

    with tempfile.TemporaryDirectory() as directory:
        server = start(f"{directory}/firestore.sqlite3", 0)
        os.environ["FIRESTORE_EMULATOR_HOST"] = server.address
        yield
        server.stop()


def measure(repeats: int, documents: int) -> None:
    client = firestore.Client(project=f"benchmark-{uuid.uuid4().hex[:8]}")
    mails, many = client.collection("mails"), client.collection("many")
    starts = itertools.count(0, BATCH)

    print(f"{'':44}{'p50 ms':>10}{'p99 ms':>10}{'per second':>12}")
    report("one document created", lambda n: mails.document(f"s{n}").create(fields(n)), repeats)
    report("one document read", lambda n: mails.document(f"s{n}").get(), repeats)
    report(
        "100 documents created by one BatchWrite",
        lambda n: write_batch(client, mails, next(starts)),
        repeats,
    )
    references = [mails.document(f"b{n}") for n in range(BATCH)]
    report(
        "100 documents read by one BatchGet", lambda n: list(client.get_all(references)), repeats
    )
    for start in range(0, documents, BATCH):
        write_batch(client, many, start)
    bounced = many.where(filter=firestore.FieldFilter("status", "==", "bounced"))
    latest = bounced.order_by("n", direction="DESCENDING").limit(20)
    report(
        f"20 of {documents} documents, filtered and ordered",
        lambda n: latest.get(),
        max(repeats // 10, 2),
    )
    report(
        f"count of {documents} documents, filtered",
        lambda n: bounced.count().get(),
        max(repeats // 10, 2),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.by_hand.benchmarks.firestore", description=__doc__
    )
    parser.add_argument("--repeats", type=int, default=200, help="how often each call is made")
    parser.add_argument(
        "--documents", type=int, default=10_000, help="size of the collection queried"
    )
    arguments = parser.parse_args()
    with running():
        measure(arguments.repeats, arguments.documents)


if __name__ == "__main__":
    main()
