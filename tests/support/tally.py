"""What the tests of faults did, added up over their rounds and told when pytest ends."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.ledger import Ledger

_COLUMNS = (
    *("fault", "rounds", "planned", "fired", "posts", "records", "lost", "wrong", "longest s"),
)


@dataclass
class Row:
    rounds: int = 0
    planned: int = 0
    fired: int = 0
    posts: int = 0
    records: int = 0
    lost: int = 0
    wrong: int = 0
    longest: float = 0.0


class Tally:
    """A row for each fault."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = defaultdict(Row)

    def close(
        self, fault: str, ledger: Ledger, documents: dict[str, Any], *, planned: int, fired: int
    ) -> None:
        """
        End a round in which all posts were answered 2xx at last: count it, then check it.

        *planned* faults were ordered, of which *fired* struck; a round without any is none.
        """
        assert fired, f"{fault} did not strike"
        lost, wrong = ledger.faults(documents)
        row = self._rows[fault]
        row.rounds += 1
        row.planned += planned
        row.fired += fired
        row.posts += ledger.posts
        row.records += ledger.records
        row.lost += len(lost)
        row.wrong += len(wrong)
        row.longest = max(row.longest, ledger.longest)
        ledger.check(documents, complete=True)

    def lines(self) -> Iterator[str]:
        """Yield a table, nothing if there was no round."""
        if not self._rows:
            return
        width = max(map(len, self._rows))
        yield _COLUMNS[0].ljust(width) + "".join(f"{name:>10}" for name in _COLUMNS[1:])
        for fault, row in sorted(self._rows.items()):
            *counts, longest = vars(row).values()
            yield fault.ljust(width) + "".join(f"{n:>10,}" for n in counts) + f"{longest:>10.2f}"
