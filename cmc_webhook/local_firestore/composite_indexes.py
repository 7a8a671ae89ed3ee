"""
Which composite indexes the real Firestore would ask for. Pure.

Fields have an index each by themselves, see
https://cloud.google.com/firestore/docs/query-data/index-overview
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cmc_webhook.local_firestore.field_paths import NAME, FieldPath
from cmc_webhook.local_firestore.filters import Leaf
from cmc_webhook.local_firestore.messages import Message
from cmc_webhook.local_firestore.queries import Order, parse_orders, parse_selector, parse_where


@dataclass(frozen=True, slots=True)
class Index:
    """
    A composite index on a collection, or on all collections of that id if *group*.

    *fields*: path as gcloud takes it, and `order=ascending`, `order=descending` or
    `array-config=contains`.
    """

    collection: str
    group: bool
    fields: tuple[tuple[str, str], ...]

    def command(self) -> str:
        """Return what creates the index on the real Firestore."""
        configs = " ".join(f"--field-config=field-path={path},{mode}" for path, mode in self.fields)
        scope = " --query-scope=collection-group" if self.group else ""
        return (
            "gcloud firestore indexes composite create"
            f" --collection-group={self.collection}{scope} {configs}"
        )


def needed_indexes(structured: Message, aggregated: Sequence[FieldPath] = ()) -> set[Index]:
    """
    Return an index for each alternative of the query that fields' own indexes cannot answer.

    *aggregated* are fields that are summed or averaged. Firestore may also accept several
    smaller indexes in place of one.
    """
    selector = parse_selector(structured)
    orders = parse_orders(structured, aggregated)
    fields = (_fields(leaves, orders) for leaves in parse_where(structured))
    return {
        Index(selector.collection_id, selector.all_descendants, each) for each in fields if each
    }


def _fields(leaves: Sequence[Leaf], orders: Sequence[Order]) -> tuple[tuple[str, str], ...]:
    equal = sorted({leaf.path for leaf in leaves if not leaf.is_inequality()} - {NAME})
    contained = {leaf.path for leaf in leaves if leaf.is_of_elements()}
    ordered = [order for order in orders if order.path not in equal and order.path != NAME]
    # Equalities alone are answered by merging the fields' own indexes.
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
