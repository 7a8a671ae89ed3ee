"""
Which composite indexes the real Firestore requires for a query. Pure.

Single fields are indexed by default, see
https://cloud.google.com/firestore/docs/query-data/index-overview
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cmc_webhook.local_firestore.field_paths import NAME, FieldPath
from cmc_webhook.local_firestore.filters import FieldTest
from cmc_webhook.local_firestore.queries import Order, Query


@dataclass(frozen=True, slots=True)
class CompositeIndex:
    """
    A composite index on a collection, or on all collections with that id if *group*.

    *fields*: path as gcloud takes it, and `order=ascending`, `order=descending` or
    `array-config=contains`.
    """

    collection: str
    group: bool
    fields: tuple[tuple[str, str], ...]

    def command(self) -> str:
        """Return the gcloud command that creates the index."""
        configs = " ".join(f"--field-config=field-path={path},{mode}" for path, mode in self.fields)
        scope = " --query-scope=collection-group" if self.group else ""
        return (
            "gcloud firestore indexes composite create"
            f" --collection-group={self.collection}{scope} {configs}"
        )


def needed_indexes(query: Query) -> set[CompositeIndex]:
    """
    Return one index for each alternative of the query that single-field indexes cannot answer.

    Firestore may also accept several smaller indexes instead of one.
    """
    fields = (_fields(tests, query.orders) for tests in query.alternatives)
    scope = query.scope
    return {CompositeIndex(scope.collection, scope.descendants, each) for each in fields if each}


def _fields(tests: Sequence[FieldTest], orders: Sequence[Order]) -> tuple[tuple[str, str], ...]:
    equal = sorted({test.path for test in tests if not test.is_inequality()} - {NAME})
    contained = {test.path for test in tests if test.is_of_elements()}
    ordered = [order for order in orders if order.path not in equal and order.path != NAME]
    # Firestore merges single-field indexes for equalities.
    if not ordered or len(equal) + len(ordered) < 2:
        return ()
    modes = dict.fromkeys(contained, "array-config=contains")
    return (
        *((_quoted(path), modes.get(path, "order=ascending")) for path in equal),
        *(
            (_quoted(o.path), f"order={'descending' if o.descending else 'ascending'}")
            for o in ordered
        ),
    )


def _quoted(path: FieldPath) -> str:
    return ".".join(s if s.isidentifier() and s.isascii() else f"`{s}`" for s in path)
