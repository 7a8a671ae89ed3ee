"""What the tests of faults did: each round records a row, and pytest adds them up when it ends."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.support.ledger import Ledger

_NAME = "tally"
_COLUMNS = ("rounds", "planned", "fired", "posts", "records", "lost", "wrong", "longest s")


def close(
    record_property: Callable[[str, object], None],
    fault: str,
    ledger: Ledger,
    documents: dict[str, Any],
    addresses: dict[str, Any],
    *,
    planned: int,
    fired: int,
) -> None:
    """
    End a round in which all posts were answered 2xx at last: record it, then check it.

    Of *planned* faults *fired* took place; a round without any fails.
    """
    assert fired, f"{fault} did not happen"
    lost, wrong = ledger.faults(documents, addresses)
    counts = (1, planned, fired, ledger.posts, ledger.records, len(lost), len(wrong))
    # A property of the test's report, so that it comes back from a worker of pytest-xdist.
    record_property(_NAME, [fault, *counts, ledger.longest])
    ledger.check(documents, addresses, complete=True)


def table(reports: Iterable[Any]) -> Iterator[str]:
    """Yield a table with a row for each fault, nothing if there was no round."""
    called = [report for report in reports if getattr(report, "when", "") == "call"]
    rounds = [row for report in called for name, row in report.user_properties if name == _NAME]
    if not rounds:
        return
    faults = sorted({fault for fault, *_ in rounds})
    width = max(map(len, faults))
    yield "fault".ljust(width) + "".join(f"{name:>10}" for name in _COLUMNS)
    for fault in faults:
        *counts, longest = zip(*(row for name, *row in rounds if name == fault), strict=True)
        cells = [f"{sum(count):>10,}" for count in counts] + [f"{max(longest):>10.2f}"]
        yield fault.ljust(width) + "".join(cells)
