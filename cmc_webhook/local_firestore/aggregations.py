"""Count, sum and average over the result of a query. Pure."""

import itertools
from collections.abc import Iterable, Sequence

from google.api_core.exceptions import InvalidArgument

from cmc_webhook.local_firestore import field_paths, limits
from cmc_webhook.local_firestore.field_paths import FieldPath
from cmc_webhook.local_firestore.filters import value_at
from cmc_webhook.local_firestore.messages import Message, Value
from cmc_webhook.local_firestore.values import is_number, number

_INTEGERS = range(-(2**63), 2**63)


def check_aggregations(aggregations: Sequence[Message]) -> None:
    """Raise InvalidArgument unless Firestore accepts *aggregations*."""
    if not aggregations:
        raise InvalidArgument("Aggregations can not be empty.")
    if len(aggregations) > limits.AGGREGATIONS:
        raise InvalidArgument(f"A query has at most {limits.AGGREGATIONS} aggregations.")
    aliases = [aggregation.alias for aggregation in aggregations if aggregation.alias]
    if len(set(aliases)) < len(aliases):
        raise InvalidArgument("Aggregation aliases contain duplicate alias.")
    for alias in aliases:
        field_paths.check_field_name(alias)
    for aggregation in aggregations:
        if aggregation.WhichOneof("operator") is None:
            raise InvalidArgument("An aggregation has no operator.")
        if aggregation.count.HasField("up_to") and aggregation.count.up_to.value <= 0:
            raise InvalidArgument("A count goes up to more than zero.")


def aggregated_paths(aggregations: Iterable[Message]) -> list[FieldPath]:
    """Return the fields of sums and averages, without duplicates, in order."""
    operators = (
        getattr(a, a.WhichOneof("operator")) for a in aggregations if not a.HasField("count")
    )
    return list(dict.fromkeys(field_paths.parse(o.field.field_path) for o in operators))


def aggregate(
    aggregations: Sequence[Message], documents: Sequence[Message], found: int
) -> dict[str, Message]:
    """
    Return the value of each aggregation by its alias, or `field_1`... if it has none.

    *documents* have every field of aggregated_paths(), because the query is ordered by them.
    Counts need only *found*, the number of documents.
    """
    unnamed = itertools.count(1)
    return {
        a.alias or f"field_{next(unnamed)}": _compute(a, documents, found) for a in aggregations
    }


def _compute(aggregation: Message, documents: Sequence[Message], found: int) -> Message:
    kind = aggregation.WhichOneof("operator")
    if kind == "count":
        count = aggregation.count
        most = count.up_to.value if count.HasField("up_to") else found
        return Value(integer_value=min(found, most))
    path = field_paths.parse(getattr(aggregation, kind).field.field_path)
    values = [value_at(document, path) for document in documents]
    numbers = [number(value) for value in values if value is not None and is_number(value)]
    # As IEEE 754 does: infinite on overflow, where math.fsum raises.
    double = sum(map(float, numbers), 0.0)
    if kind == "avg":
        return Value(double_value=double / len(numbers)) if numbers else Value(null_value=0)
    if all(isinstance(n, int) for n in numbers) and (total := sum(numbers)) in _INTEGERS:
        return Value(integer_value=total)
    return Value(double_value=double)
