"""Figures: what one kind of post took and cost, and tables of them on stdout."""

import sys
from dataclasses import dataclass, field


@dataclass
class Cost:
    """What a number of posts of one contender took: seconds, processor time, operations."""

    posts: int = 0
    events: int = 0
    cpu_s: float = 0.0
    times: list = field(default_factory=list)
    rpcs: int = 0
    reads: int = 0
    writes: int = 0

    def add(self, events, took, cpu_s, spent):
        """Add one post, or several together; *spent* is the recorder's counters."""
        self.posts += len(took)
        self.events += events
        self.times += took
        self.cpu_s += cpu_s
        self.rpcs += sum(number for name, number in spent.items() if name.startswith("rpc "))
        self.reads += spent["reads"]
        self.writes += spent["writes"]

    def ms(self, share):
        """Return the time within which *share* of the posts were answered."""
        ordered = sorted(self.times)
        return 1_000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def per_post(self):
        return self.rpcs / self.posts

    def cpu_us(self):
        """Return the microseconds of processor time for one event."""
        return 1_000_000 * self.cpu_s / self.events


COST_HEADINGS = (
    *("posts", "p50 ms", "p99 ms", "RPCs/post", "reads/event", "writes/event", "CPU µs/event"),
)


def cost_cells(cost):
    """Return the cells under COST_HEADINGS."""
    return [
        cost.posts,
        f"{cost.ms(0.5):,.1f}",
        f"{cost.ms(0.99):,.1f}",
        f"{cost.per_post():.2f}",
        f"{cost.reads / cost.events:.2f}",
        f"{cost.writes / cost.events:.2f}",
        f"{cost.cpu_us():,.0f}",
    ]


def show(title, headings, rows):
    """Print a table that is Markdown too; the first two columns are words."""
    table = [[str(cell) for cell in row] for row in [headings, *rows]]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    print(f"\n### {title}\n")
    for number, row in enumerate(table):
        cells = [
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print(f"| {' | '.join(cells)} |")
        if number == 0:
            print(f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    sys.stdout.flush()


def progress(text):
    print(text, file=sys.stderr, flush=True)
