"""The where of a query: which documents match. Pure."""

import math
import operator
from collections.abc import Callable, Iterator
from itertools import chain, product
from typing import Any, NamedTuple, TypeAlias

from cmc_webhook.devserver.errors import InvalidArgument
from cmc_webhook.devserver.field_paths import NAME, FieldPath, get, parse
from cmc_webhook.devserver.messages import Message, StructuredQuery, Value
from cmc_webhook.devserver.names import parse_document
from cmc_webhook.devserver.values import admit, is_nan, is_null, sort_key

# Whether a document matches, and whether a value does.
Predicate: TypeAlias = Callable[[Message], bool]

_MOST_DISJUNCTIONS = 30
_MOST_NOT_IN = 10

_Operator = StructuredQuery.FieldFilter.Operator
_Unary = StructuredQuery.UnaryFilter.Operator
_LISTS = (_Operator.IN, _Operator.NOT_IN, _Operator.ARRAY_CONTAINS_ANY)
_INEQUALITIES = {
    "LESS_THAN",
    "LESS_THAN_OR_EQUAL",
    "GREATER_THAN",
    "GREATER_THAN_OR_EQUAL",
    "NOT_EQUAL",
    "NOT_IN",
    "IS_NOT_NAN",
    "IS_NOT_NULL",
}


class Leaf(NamedTuple):
    """A filter of one field; *operator* is its name in the API."""

    path: FieldPath
    operator: str

    def is_inequality(self) -> bool:
        """Whether it bounds a range, so that the query is ordered by its field."""
        return self.operator in _INEQUALITIES


def value_at(document: Message, path: FieldPath) -> Message | None:
    """Return the value of *document* at *path*, its own reference for `__name__`."""
    if path == NAME:
        return Value(reference_value=document.name)
    return get(document.fields, path)


def parse_filter(where: Message) -> Predicate:
    """Return what tells whether a document matches, or raise InvalidArgument."""
    matches = _parse(where)
    if _disjunctions(where) > _MOST_DISJUNCTIONS:
        raise InvalidArgument(f"A query has at most {_MOST_DISJUNCTIONS} disjunctions.")
    for leaves in disjuncts(where):
        if [leaf.operator for leaf in leaves].count("ARRAY_CONTAINS") > 1:
            raise InvalidArgument(
                "A maximum of 1 'ARRAY_CONTAINS' filter is allowed per disjunction."
            )
    return matches


def disjuncts(where: Message) -> list[list[Leaf]]:
    """Return *where* as alternatives, each a list of filters that all hold."""
    if where.HasField("composite_filter"):
        parts = [disjuncts(part) for part in where.composite_filter.filters]
        if where.composite_filter.op == where.composite_filter.OR:
            return list(chain.from_iterable(parts))
        return [list(chain.from_iterable(choice)) for choice in product(*parts)]
    if where.HasField("unary_filter"):
        leaf, operators = where.unary_filter, _Unary
    else:
        leaf, operators = where.field_filter, _Operator
    return [[Leaf(parse(leaf.field.field_path), operators.Name(leaf.op))]]


def inequality_paths(where: Message) -> set[FieldPath]:
    """Return the fields of the inequalities anywhere in *where*."""
    return {leaf.path for leaf in chain.from_iterable(disjuncts(where)) if leaf.is_inequality()}


def _disjunctions(where: Message) -> int:
    if where.HasField("composite_filter"):
        counts = [_disjunctions(part) for part in where.composite_filter.filters]
        either = where.composite_filter.op == where.composite_filter.OR
        return sum(counts) if either else math.prod(counts)
    if where.field_filter.op in (_Operator.IN, _Operator.ARRAY_CONTAINS_ANY):
        return len(where.field_filter.value.array_value.values)
    return 1


def _parse(where: Message) -> Predicate:
    kind = where.WhichOneof("filter_type")
    if kind == "composite_filter":
        return _parse_composite(where.composite_filter)
    if kind == "field_filter":
        return _parse_field(where.field_filter)
    if kind == "unary_filter":
        return _parse_unary(where.unary_filter)
    raise InvalidArgument("A filter has no type.")


def _parse_composite(composite: Message) -> Predicate:
    parts = [_parse(part) for part in composite.filters]
    if composite.op == composite.AND:
        return lambda document: all(part(document) for part in parts)
    if composite.op == composite.OR:
        return lambda document: any(part(document) for part in parts)
    raise InvalidArgument("A composite filter has no operator.")


def _parse_field(leaf: Message) -> Predicate:
    path = parse(leaf.field.field_path)
    for value in _operands(leaf):
        admit(value)
        if path == NAME:
            if not value.HasField("reference_value"):
                raise InvalidArgument("__name__ is compared with references only.")
            parse_document(value.reference_value)
    if leaf.op not in _TESTS:
        raise InvalidArgument(f'The filter of "{leaf.field.field_path}" has no operator.')
    if is_null(leaf.value) or is_nan(leaf.value):
        # Only the unary filters find them.
        return lambda document: False
    return _test_of_field(path, _TESTS[leaf.op](leaf.value))


def _parse_unary(leaf: Message) -> Predicate:
    if leaf.op not in _UNARY_TESTS:
        raise InvalidArgument(f'The filter of "{leaf.field.field_path}" has no operator.')
    return _test_of_field(parse(leaf.field.field_path), _UNARY_TESTS[leaf.op])


def _test_of_field(path: FieldPath, test: Predicate) -> Predicate:
    def matches(document: Message) -> bool:
        value = value_at(document, path)
        return value is not None and test(value)

    return matches


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


def _comparison(compare: Callable[[Any, Any], bool]) -> Callable[[Message], Predicate]:
    def make(operand: Message) -> Predicate:
        bound = sort_key(operand)

        def test(value: Message) -> bool:
            key = sort_key(value)
            # A filter never leaves the type of its operand.
            return key[0] == bound[0] and compare(key, bound)

        return test

    return make


def _not_equal(operand: Message) -> Predicate:
    unwanted = sort_key(operand)
    return lambda value: not is_null(value) and sort_key(value) != unwanted


def _in(operand: Message) -> Predicate:
    wanted = _findable_keys(operand)
    return lambda value: sort_key(value) in wanted


def _not_in(operand: Message) -> Predicate:
    unwanted = _keys(operand)
    # Nothing is known to differ from null.
    if any(is_null(element) for element in operand.array_value.values):
        return lambda value: False
    return lambda value: not is_null(value) and sort_key(value) not in unwanted


def _array_contains(operand: Message) -> Predicate:
    wanted = sort_key(operand)
    return lambda value: wanted in _keys(value)


def _array_contains_any(operand: Message) -> Predicate:
    wanted = _findable_keys(operand)
    return lambda value: any(key in wanted for key in _keys(value))


def _keys(value: Message) -> list[Any]:
    """Return the keys of the elements of an array, none for any other value."""
    return [sort_key(element) for element in value.array_value.values]


def _findable_keys(value: Message) -> list[Any]:
    elements = value.array_value.values
    return [
        sort_key(element) for element in elements if not is_null(element) and not is_nan(element)
    ]


_TESTS = {
    _Operator.LESS_THAN: _comparison(operator.lt),
    _Operator.LESS_THAN_OR_EQUAL: _comparison(operator.le),
    _Operator.GREATER_THAN: _comparison(operator.gt),
    _Operator.GREATER_THAN_OR_EQUAL: _comparison(operator.ge),
    _Operator.EQUAL: _comparison(operator.eq),
    _Operator.NOT_EQUAL: _not_equal,
    _Operator.IN: _in,
    _Operator.NOT_IN: _not_in,
    _Operator.ARRAY_CONTAINS: _array_contains,
    _Operator.ARRAY_CONTAINS_ANY: _array_contains_any,
}
_UNARY_TESTS: dict[int, Predicate] = {
    _Unary.IS_NULL: is_null,
    _Unary.IS_NAN: is_nan,
    _Unary.IS_NOT_NULL: lambda value: not is_null(value),
    _Unary.IS_NOT_NAN: lambda value: not is_null(value) and not is_nan(value),
}
