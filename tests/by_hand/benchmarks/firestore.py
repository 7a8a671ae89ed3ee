"""
Times the local Firestore, on a file, beside Google's emulator, if that is installed.

Run as `python -m tests.by_hand.benchmarks.firestore`. Each call is made on both by turns. Start and
memory are those of the documented commands, all their processes together.
"""

import argparse
import contextlib
import itertools
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.bulk_batch import BulkWriteBatch

from cmc_webhook.local_firestore.server import start
from tests.support.firestores import (
    RunningFirestore,
    delete_all,
    googles_is_installed,
    start_googles,
    start_ours,
)

BATCH = 100
RESET = 2_000
Action = Callable[[int], object]


def fields(n: int) -> dict[str, Any]:
    """Return a document about the size of a mail's status."""
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


def client_of(address: str) -> firestore.Client:
    os.environ["FIRESTORE_EMULATOR_HOST"] = address
    return firestore.Client(project=f"benchmark-{uuid.uuid4().hex[:8]}")


def actions(client: firestore.Client, documents: int) -> dict[str, Action]:
    """Return what is timed, in this order; the last ones query *documents* documents."""
    mails, many = client.collection("mails"), client.collection("many")
    starts = itertools.count(0, BATCH)
    references = [mails.document(f"b{n}") for n in range(BATCH)]
    bounced = many.where(filter=firestore.FieldFilter("status", "==", "bounced"))
    latest = bounced.order_by("n", direction="DESCENDING").limit(20)
    return {
        "one document created": lambda n: mails.document(f"s{n}").create(fields(n)),
        "one document read": lambda n: mails.document(f"s{n}").get(),
        "100 documents created by a BatchWrite": lambda n: write_batch(client, mails, next(starts)),
        "100 documents read by a BatchGet": lambda n: list(client.get_all(references)),
        f"20 of {documents:,}, filtered and ordered": lambda n: latest.get(),
        f"count of {documents:,}, filtered": lambda n: bounced.count().get(),
    }


def report(name: str, each: Sequence[Action], repeats: int) -> None:
    """Run the same action on each server by turns, and print a line of p50 and p99."""
    times: list[list[float]] = [[] for _ in each]
    for n in range(repeats):
        for held, action in zip(times, each, strict=True):
            begin = time.perf_counter()
            action(n)
            held.append((time.perf_counter() - begin) * 1000)
    line(name, *(value for held in times for value in (statistics.median(held), p99(held))))


def p99(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[98]


def line(name: str, *values: float | str) -> None:
    cells = (f"{value:>14.1f}" if isinstance(value, float) else f"{value:>14}" for value in values)
    print(f"{name:44}{''.join(cells)}", flush=True)


def measure(servers: Sequence[RunningFirestore], repeats: int, documents: int) -> None:
    clients = [client_of(server.address) for server in servers]
    line("", *(text for server in servers for text in ("", server.name)))
    line("start to the first answer, s", *pairs(server.started_s for server in servers))
    line("memory after the start, MiB", *pairs(server.resident_mib() for server in servers))
    line("in ms", *("p50", "p99") * len(servers))
    each = [actions(client, documents) for client in clients]
    for number, name in enumerate(each[0]):
        if number == 4:
            for client in clients:
                for start_at in range(0, documents, BATCH):
                    write_batch(client, client.collection("many"), start_at)
        count = repeats if number < 4 else max(repeats // 10, 2)
        report(name, [named[name] for named in each], count)
    line("memory at the end, MiB", *pairs(server.resident_mib() for server in servers))
    line(f"reset of {RESET:,} documents, ms", *pairs(map(reset_ms, servers)))


def pairs(values: Any) -> list[float | str]:
    """Return *values* in the columns of p99."""
    return [cell for value in values for cell in ("", value)]


def reset_ms(server: RunningFirestore) -> float:
    """Time the reset of a test: by reset() of a server in this process, or as Google's does it."""
    ours = start(":memory:", 0) if server.is_ours() else None
    client = client_of(ours.address if ours else server.address)
    for start_at in range(0, RESET, BATCH):
        write_batch(client, client.collection("mails"), start_at)
    begin = time.perf_counter()
    if ours:
        ours.reset()
    else:
        delete_all(server.address, client.project)
    took = (time.perf_counter() - begin) * 1000
    assert not list(client.collection("mails").limit(1).stream())
    if ours:
        ours.stop()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.by_hand.benchmarks.firestore", description=__doc__
    )
    parser.add_argument("--repeats", type=int, default=200, help="how often each call is made")
    parser.add_argument(
        "--documents", type=int, default=10_000, help="size of the collection queried"
    )
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        servers = [stack.enter_context(start_ours(f"{folder}/firestore.sqlite3"))]
        if googles_is_installed():
            servers.append(stack.enter_context(start_googles()))
        measure(servers, arguments.repeats, arguments.documents)


if __name__ == "__main__":
    main()
