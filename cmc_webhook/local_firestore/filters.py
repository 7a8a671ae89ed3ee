"""The where of a query: which documents match. Pure."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, product
from typing import NamedTuple, TypeAlias

from cmc_webhook.local_firestore.errors import InvalidArgument
from cmc_webhook.local_firestore.field_paths import NAME, FieldPath, get, parse
from cmc_webhook.local_firestore.messages import Message, StructuredQuery, Value
from cmc_webhook.local_firestore.resource_names import parse_document
from cmc_webhook.local_firestore.sort_keys import sort_key
from cmc_webhook.local_firestore.values import admit, is_nan, is_null

_MOST_DISJUNCTIONS = 30
_MOST_NOT_IN = 10

_Operator = StructuredQuery.FieldFilter.Operator
_Unary = StructuredQuery.UnaryFilter.Operator
_LISTS = (_Operator.IN, _Operator.NOT_IN, _Operator.ARRAY_CONTAINS_ANY)
_NEGATIVE = {"NOT_EQUAL", "NOT_IN", "IS_NOT_NAN", "IS_NOT_NULL"}
_INEQUALITIES = {
    "LESS_THAN",
    "LESS_THAN_OR_EQUAL",
    "GREATER_THAN",
    "GREATER_THAN_OR_EQUAL",
    *_NEGATIVE,
}
_CONTAINS = {"ARRAY_CONTAINS", "ARRAY_CONTAINS_ANY"}


class Range(NamedTuple):
    """Keys from *low* up to, but not including, *high*."""

    low: bytes
    high: bytes

    def is_point(self) -> bool:
        """Whether there can be but one key in it."""
        return self.high == _next(self.low)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A filter of one field; *operator* is its name in the API."""

    path: FieldPath
    operator: str
    ranges: Sequence[Range]

    def is_inequality(self) -> bool:
        """Whether it bounds a range, so that the query is ordered by its field."""
        return self.operator in _INEQUALITIES

    def is_of_elements(self) -> bool:
        """Whether it is the key of an element that is in the ranges, else that of the value."""
        return self.operator in _CONTAINS

    def holds(self, document: Message) -> bool:
        """Whether *document* passes."""
        value = value_at(document, self.path)
        if value is None:
            return False
        # An array's elements, none of any other value.
        values = value.array_value.values if self.is_of_elements() else [value]
        keys = map(sort_key, values)
        return any(low <= key < high for key in keys for low, high in self.ranges)


# A document matches if all filters of one of the alternatives hold.
Alternatives: TypeAlias = Sequence[Sequence[Leaf]]


def value_at(document: Message, path: FieldPath) -> Message | None:
    """Return the value of *document* at *path*, its own reference for `__name__`."""
    if path == NAME:
        return Value(reference_value=document.name)
    return get(document.fields, path)


def parse_filter(where: Message) -> Alternatives:
    """Return *where* as alternatives, or raise InvalidArgument."""
    if _disjunctions(where) > _MOST_DISJUNCTIONS:
        raise InvalidArgument(f"A query has at most {_MOST_DISJUNCTIONS} disjunctions.")
    alternatives = _parse(where)
    for leaves in alternatives:
        if [leaf.is_of_elements() for leaf in leaves].count(True) > 1:
            raise InvalidArgument(
                "A maximum of 1 'ARRAY_CONTAINS' filter is allowed per disjunction."
            )
    _check_together([*_operators(where)])
    return alternatives


def filtered_paths(alternatives: Alternatives) -> set[FieldPath]:
    """Return the fields of all filters in *alternatives*."""
    return {leaf.path for leaf in chain.from_iterable(alternatives)}


def inequality_paths(alternatives: Alternatives) -> set[FieldPath]:
    """Return the fields of the inequalities anywhere in *alternatives*."""
    return {leaf.path for leaf in chain.from_iterable(alternatives) if leaf.is_inequality()}


def _operators(where: Message) -> Iterator[str]:
    """Yield the name of each operator of *where*."""
    if where.HasField("composite_filter"):
        if where.composite_filter.op == where.composite_filter.OR:
            yield "OR"
        yield from chain.from_iterable(map(_operators, where.composite_filter.filters))
    elif where.HasField("unary_filter"):
        yield _Unary.Name(where.unary_filter.op)
    else:
        yield _Operator.Name(where.field_filter.op)


def _check_together(operators: Sequence[str]) -> None:
    """
    Raise InvalidArgument if *operators* cannot be in one query.

    See https://github.com/googleapis/googleapis/blob/master/google/firestore/v1/query.proto
    """
    if sum(operator in _NEGATIVE for operator in operators) > 1:
        raise InvalidArgument(
            "Only a single 'NOT_EQUAL', 'NOT_IN', 'IS_NOT_NAN', or 'IS_NOT_NULL' filter allowed"
            " per query."
        )
    if "NOT_IN" in operators and not {"IN", "ARRAY_CONTAINS_ANY", "OR"}.isdisjoint(operators):
        raise InvalidArgument(
            "'NOT_IN' cannot be used in the same query with 'IN', 'ARRAY_CONTAINS_ANY' or 'OR'."
        )


def _disjunctions(where: Message) -> int:
    if where.HasField("composite_filter"):
        counts = [_disjunctions(part) for part in where.composite_filter.filters]
        either = where.composite_filter.op == where.composite_filter.OR
        return sum(counts) if either else math.prod(counts)
    if where.field_filter.op in (_Operator.IN, _Operator.ARRAY_CONTAINS_ANY):
        return len(where.field_filter.value.array_value.values)
    return 1


def _parse(where: Message) -> list[list[Leaf]]:
    kind = where.WhichOneof("filter_type")
    if kind == "composite_filter":
        return _parse_composite(where.composite_filter)
    if kind == "field_filter":
        return [[_parse_field(where.field_filter)]]
    if kind == "unary_filter":
        return [[_parse_unary(where.unary_filter)]]
    raise InvalidArgument("A filter has no type.")


def _parse_composite(composite: Message) -> list[list[Leaf]]:
    parts = [_parse(part) for part in composite.filters]
    if composite.op == composite.OR:
        return list(chain.from_iterable(parts))
    if composite.op == composite.AND:
        return [list(chain.from_iterable(choice)) for choice in product(*parts)]
    raise InvalidArgument("A composite filter has no operator.")


def _parse_field(leaf: Message) -> Leaf:
    path = parse(leaf.field.field_path)
    for value in _operands(leaf):
        admit(value)
        if path == NAME:
            if not value.HasField("reference_value"):
                raise InvalidArgument("__name__ is compared with references only.")
            parse_document(value.reference_value)
    if leaf.op not in _NAMES:
        raise InvalidArgument(f'The filter of "{leaf.field.field_path}" has no operator.')
    operator = _NAMES[leaf.op]
    # Only the unary filters find null and NaN.
    unfindable = is_null(leaf.value) or is_nan(leaf.value)
    return Leaf(path, operator, [] if unfindable else _RANGES[operator](leaf.value))


def _parse_unary(leaf: Message) -> Leaf:
    path = parse(leaf.field.field_path)
    if leaf.op not in _UNARY_NAMES:
        raise InvalidArgument(f'The filter of "{leaf.field.field_path}" has no operator.')
    operator = _UNARY_NAMES[leaf.op]
    return Leaf(path, operator, _UNARY_RANGES[operator])


def _operands(leaf: Message) -> Iterator[Message]:
    if leaf.op not in _LISTS:
        yield leaf.value
        return
    elements = leaf.value.array_value.values
    most = _MOST_NOT_IN if leaf.op == _Operator.NOT_IN else _MOST_DISJUNCTIONS
    if not 1 <= len(elements) <= most:
        name = _Operator.Name(leaf.op)
        raise InvalidArgument(f"'{name}' requires an array of 1 to {most} values.")
    yield from elements


def _next(key: bytes) -> bytes:
    """Return the least bytes that are more than *key*."""
    return key + b"\x00"


def _point(key: bytes) -> Range:
    return Range(key, _next(key))


def _comparison(make: Callable[[bytes], Range]) -> Callable[[Message], list[Range]]:
    return lambda operand: [make(sort_key(operand))]


def _end_of_type(key: bytes) -> bytes:
    return bytes([key[0] + 1])


def _all_but(keys: Iterable[bytes]) -> list[Range]:
    """Return all that is neither null nor one of *keys*."""
    edges = [*sorted({_NULL, *keys}), b"\xff"]
    return [Range(_next(low), high) for low, high in pairwise(edges)]


def _in(operand: Message) -> list[Range]:
    elements = operand.array_value.values
    return [_point(sort_key(each)) for each in elements if not is_null(each) and not is_nan(each)]


def _not_in(operand: Message) -> list[Range]:
    elements = operand.array_value.values
    # Nothing is known to differ from null.
    return [] if any(map(is_null, elements)) else _all_but(map(sort_key, elements))


_NULL = sort_key(Value(null_value=0))
_NAN = sort_key(Value(double_value=math.nan))
_RANGES: dict[str, Callable[[Message], list[Range]]] = {
    # A comparison never leaves the type of its operand.
    "LESS_THAN": _comparison(lambda key: Range(key[:1], key)),
    "LESS_THAN_OR_EQUAL": _comparison(lambda key: Range(key[:1], _next(key))),
    "GREATER_THAN": _comparison(lambda key: Range(_next(key), _end_of_type(key))),
    "GREATER_THAN_OR_EQUAL": _comparison(lambda key: Range(key, _end_of_type(key))),
    "EQUAL": _comparison(_point),
    "NOT_EQUAL": lambda operand: _all_but([sort_key(operand)]),
    "IN": _in,
    "NOT_IN": _not_in,
    "ARRAY_CONTAINS": _comparison(_point),
    "ARRAY_CONTAINS_ANY": _in,
}
_UNARY_RANGES = {
    "IS_NULL": [_point(_NULL)],
    "IS_NAN": [_point(_NAN)],
    "IS_NOT_NULL": _all_but([]),
    "IS_NOT_NAN": _all_but([_NAN]),
}
_NAMES = {_Operator.Value(name): name for name in _RANGES}
_UNARY_NAMES = {_Unary.Value(name): name for name in _UNARY_RANGES}
