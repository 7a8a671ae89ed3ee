"""
What a post costs, beside other ways to store the same: time, RPCs, billed operations, processor.

Counts are exact. Times belong to the machine and the moment: compare them within one run. All
contenders run under functions-framework and gunicorn, and write to a Firestore in memory that
takes the same time for every RPC. Of fewer than a hundred posts, p99 is the slowest.
"""

import argparse
import time

from tests.by_hand.benchmarks import capacity, lives, memory, single, start, summary, throughput
from tests.by_hand.benchmarks.recorder import Recorder
from tests.by_hand.benchmarks.tables import progress

SECTIONS = {
    "single": single.run,
    "throughput": throughput.run,
    "mix": lives.mix,
    "contention": lives.contention,
    "cold": start.run,
    "memory": memory.run,
    "capacity": capacity.run,
}


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tests.by_hand.benchmarks.posts", description=__doc__
    )
    parser.add_argument("--latency-ms", type=float, default=5, help="of every RPC (default: 5)")
    parser.add_argument(
        "--rounds",
        type=int,
        default=20,
        help="how often a post of 100 is measured, and in proportion all else but memory; the"
        " default takes four to six minutes",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=SECTIONS,
        default=list(SECTIONS),
        metavar="SECTION",
        help=f"some of: {', '.join(SECTIONS)}",
    )
    options = parser.parse_args()
    recorder = Recorder(options.latency_ms)
    results = {}
    try:
        for name in options.only:
            started = time.monotonic()
            results[name] = SECTIONS[name](recorder, options.rounds)
            recorder.clear()
            progress(f"{name}: {time.monotonic() - started:.0f} s")
    finally:
        recorder.stop()
    summary.run(results)


if __name__ == "__main__":
    main()
