"""
A long run by hand: `python -m tests.by_hand.soak --minutes 30`.

Posts at a steady rate, out of order and mostly twice, to the function on a Firestore that fails
again and again; says every minute what the function's worker takes; compares every document with
the fold of what was sent at the end. Exit status 1 if anything is lost or wrong.
"""

import argparse
import os
import random
import tempfile
import time
from pathlib import Path

from google.cloud import firestore

from tests.support.faults import FaultyFirestore, at_random
from tests.support.ledger import ADDRESSES, Ledger, body_of, shuffled_posts
from tests.support.processes import Program, free_port
from tests.support.server import FunctionServer

PROJECT = "demo-soak"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[1])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=50, help="events a second (default 50)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        port = free_port()
        data = ["--data", f"{directory}/firestore.sqlite3"]
        store = Program(
            *("cmc_webhook", "devserver", "--only-firestore", "--firestore-port", str(port)), *data
        )
        store.wait_for(port)
        proxy = FaultyFirestore(f"127.0.0.1:{port}")
        proxy.plan = at_random(random.Random(options.seed), share=0.05)
        function = FunctionServer(
            {
                "CMC_ALLOW_UNAUTHENTICATED": "true",
                "FIRESTORE_EMULATOR_HOST": proxy.address,
                "GOOGLE_CLOUD_PROJECT": PROJECT,
            }
        )
        try:
            ledger = soak(function, options)
            print(f"faults: {dict(proxy.fired)}")
            os.environ["FIRESTORE_EMULATOR_HOST"] = f"127.0.0.1:{port}"
            client = firestore.Client(project=PROJECT)
            documents, addresses = (
                {snapshot.id: snapshot.to_dict() for snapshot in client.collection(name).stream()}
                for name in ("mail_statuses", ADDRESSES)
            )
            ledger.check(documents, addresses, complete=True)
            print(f"{len(documents)} documents, none lost, none wrong")
        finally:
            function.stop()
            proxy.stop()
            store.stop()


def soak(function: FunctionServer, options: argparse.Namespace) -> Ledger:
    """Post until the time is over, each post until it is answered 200."""
    rng, ledger = random.Random(options.seed), Ledger()
    started, next_line, sent, refused, longest = time.monotonic(), 0.0, 0, 0, 0.0
    while (passed := time.monotonic() - started) < options.minutes * 60:
        if passed >= next_line:
            print(
                f"{passed / 60:6.1f} min {sent:8} events {refused:5} × 503 {longest:5.2f} s", end=""
            )
            print(f" {resources(function)}", flush=True)
            next_line, longest = next_line + 60, 0.0
        for post in shuffled_posts(mails=20, size=10, rng=rng):
            status = 0
            while status != 200:
                before = time.monotonic()
                status = function.post(*body_of(post, rng))[0]
                longest = max(longest, time.monotonic() - before)
                refused += status != 200
                ledger.note(post, status)
            sent += len(post)
            time.sleep(max(0.0, sent / options.rate - (time.monotonic() - started)))
    print(
        f"{'end':>6}     {sent:8} events {refused:5} × 503 {longest:5.2f} s {resources(function)}"
    )
    return ledger


def resources(function: FunctionServer) -> str:
    """Return memory, open files and threads of the worker."""
    process = Path(f"/proc/{function.pids()[1]}")
    status = dict(
        line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line
    )
    files = len(list((process / "fd").iterdir()))
    memory = int(status["VmRSS"].split()[0]) // 1024
    return f"{memory} MiB, {files} files, {status['Threads'].strip()} threads"


if __name__ == "__main__":
    main()
