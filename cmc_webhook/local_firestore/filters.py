"""The filters of a query, parsed into tests of single fields. Pure."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, product
from operator import ge, gt, le, lt
from typing import TypeAlias

from google.api_core.exceptions import InvalidArgument

from cmc_webhook.local_firestore import limits, values
from cmc_webhook.local_firestore.field_paths import NAME, FieldPath, parse
from cmc_webhook.local_firestore.messages import Message, StructuredQuery, Value
from cmc_webhook.local_firestore.resource_names import parse_document
from cmc_webhook.local_firestore.stored import StoredDocument
from cmc_webhook.local_firestore.values import SortKey, is_nan, is_null, sort_key

_Operator = StructuredQuery.FieldFilter.Operator
_Unary = StructuredQuery.UnaryFilter.Operator
_LISTS = (_Operator.IN, _Operator.NOT_IN, _Operator.ARRAY_CONTAINS_ANY)
_NEGATIVE = {"NOT_EQUAL", "NOT_IN", "IS_NOT_NAN", "IS_NOT_NULL"}
_COMPARISONS = {"LESS_THAN", "LESS_THAN_OR_EQUAL", "GREATER_THAN", "GREATER_THAN_OR_EQUAL"}
_INEQUALITIES = _COMPARISONS | _NEGATIVE
_CONTAINS = {"ARRAY_CONTAINS", "ARRAY_CONTAINS_ANY"}


# Whether a filter takes a value with that sort key.
Accepts: TypeAlias = Callable[[SortKey], bool]


@dataclass(frozen=True, slots=True)
class FieldTest:
    """A filter of one field; *accepts* is None if it matches nothing."""

    path: FieldPath
    operator: str  # its name in the API
    accepts: Accepts | None

    def is_inequality(self) -> bool:
        """Whether Firestore orders the query by this field; a comparison with null is none."""
        return self.operator in _INEQUALITIES and self.accepts is not None

    def is_of_elements(self) -> bool:
        """Whether the keys of array elements are tested, not that of the value."""
        return self.operator in _CONTAINS

    def among(self, documents: Iterable[StoredDocument]) -> Iterable[StoredDocument]:
        """Return those of *documents* that the filter matches."""
        accepts, path = self.accepts, self.path
        if accepts is None:
            return ()
        if self.is_of_elements():
            return [each for each in documents if any(map(accepts, each.element_keys(path)))]
        return [each for each in documents if (key := each.key(path)) and accepts(key)]


# The filters as an OR of ANDs.
Alternatives: TypeAlias = Sequence[Sequence[FieldTest]]


def matching(
    alternatives: Alternatives, documents: Sequence[StoredDocument]
) -> Iterable[StoredDocument]:
    """Return those of *documents* that one of *alternatives* matches, each once."""
    found: dict[StoredDocument, None] = {}
    for tests in alternatives:
        left: Iterable[StoredDocument] = documents
        for test in tests:
            left = test.among(left)
        found |= dict.fromkeys(left)
    return found


def parse_filter(where: Message) -> Alternatives:
    """Parse a filter, or raise InvalidArgument."""
    if _disjunctions(where) > limits.DISJUNCTIONS:
        raise InvalidArgument(f"A query has at most {limits.DISJUNCTIONS} disjunctions.")
    alternatives = _parse(where)
    for tests in alternatives:
        if [test.is_of_elements() for test in tests].count(True) > 1:
            raise InvalidArgument(
                "A maximum of 1 'ARRAY_CONTAINS' filter is allowed per disjunction."
            )
    # Rules: https://github.com/googleapis/googleapis/blob/master/google/firestore/v1/query.proto
    operators = [*_operators(where)]
    if sum(operator in _NEGATIVE for operator in operators) > 1:
        raise InvalidArgument(
            "Only a single 'NOT_EQUAL', 'NOT_IN', 'IS_NOT_NAN', or 'IS_NOT_NULL' filter allowed"
            " per query."
        )
    if "NOT_IN" in operators and not {"IN", "ARRAY_CONTAINS_ANY", "OR"}.isdisjoint(operators):
        raise InvalidArgument(
            "'NOT_IN' cannot be used in the same query with 'IN', 'ARRAY_CONTAINS_ANY' or 'OR'."
        )
    unequal = inequality_paths(alternatives)
    if unequal and NAME in filtered_paths(alternatives) - unequal:
        raise InvalidArgument(
            "Equality on __name__ is not allowed with inequalities unless there is one on __name__."
        )
    if len(unequal) > limits.INEQUALITY_FIELDS:
        raise InvalidArgument(
            f"A query has inequality filters on at most {limits.INEQUALITY_FIELDS} fields."
        )
    return alternatives


def filtered_paths(alternatives: Alternatives) -> set[FieldPath]:
    return {test.path for test in chain.from_iterable(alternatives)}


def inequality_paths(alternatives: Alternatives) -> set[FieldPath]:
    return {test.path for test in chain.from_iterable(alternatives) if test.is_inequality()}


def _operators(where: Message) -> Iterator[str]:
    if where.HasField("composite_filter"):
        if where.composite_filter.op == where.composite_filter.OR:
            yield "OR"
        yield from chain.from_iterable(map(_operators, where.composite_filter.filters))
    elif where.HasField("unary_filter"):
        yield _Unary.Name(where.unary_filter.op)
    else:
        yield _Operator.Name(where.field_filter.op)


def _disjunctions(where: Message) -> int:
    if where.HasField("composite_filter"):
        counts = [_disjunctions(part) for part in where.composite_filter.filters]
        either = where.composite_filter.op == where.composite_filter.OR
        return sum(counts) if either else math.prod(counts)
    if where.field_filter.op in (_Operator.IN, _Operator.ARRAY_CONTAINS_ANY):
        return len(where.field_filter.value.array_value.values)
    return 1


def _parse(where: Message) -> list[list[FieldTest]]:
    kind = where.WhichOneof("filter_type")
    if kind is None:
        raise InvalidArgument("A filter has no type.")
    if kind == "field_filter":
        return [[_parse_field(where.field_filter)]]
    if kind == "unary_filter":
        return [[_parse_unary(where.unary_filter)]]
    composite = where.composite_filter
    parts = [_parse(part) for part in composite.filters]
    if composite.op == composite.OR:
        return list(chain.from_iterable(parts))
    if composite.op == composite.AND:
        return [list(chain.from_iterable(choice)) for choice in product(*parts)]
    raise InvalidArgument("A composite filter has no operator.")


def _parse_field(part: Message) -> FieldTest:
    path = parse(part.field.field_path)
    for value in _operands(part):
        values.check_value(value)
        if path == NAME:
            if not value.HasField("reference_value"):
                raise InvalidArgument("__name__ is compared with references only.")
            parse_document(value.reference_value)
        elif values.size(value) > limits.FILTER_VALUE_BYTES:
            raise InvalidArgument(
                f'A value in the filter of "{part.field.field_path}" is longer than'
                f" {limits.FILTER_VALUE_BYTES} bytes."
            )
    if part.op not in _NAMES:
        raise InvalidArgument(f'The filter of "{part.field.field_path}" has no operator.')
    operator = _NAMES[part.op]
    # Only unary filters match null and NaN.
    matches_nothing = is_null(part.value) or is_nan(part.value)
    return FieldTest(path, operator, None if matches_nothing else _ACCEPTS[operator](part.value))


def _parse_unary(part: Message) -> FieldTest:
    path = parse(part.field.field_path)
    if part.op not in _UNARY_NAMES:
        raise InvalidArgument(f'The filter of "{part.field.field_path}" has no operator.')
    operator = _UNARY_NAMES[part.op]
    return FieldTest(path, operator, _UNARY_ACCEPTS[operator])


def _operands(part: Message) -> Iterator[Message]:
    if part.op not in _LISTS:
        yield part.value
        return
    elements = part.value.array_value.values
    most = limits.NOT_IN_VALUES if part.op == _Operator.NOT_IN else limits.DISJUNCTIONS
    if not 1 <= len(elements) <= most:
        name = _Operator.Name(part.op)
        raise InvalidArgument(f"'{name}' requires an array of 1 to {most} values.")
    yield from elements


def _compared(compare: Callable[[SortKey, SortKey], bool], operand: Message) -> Accepts:
    bound = sort_key(operand)
    # Only values of the operand's type, and never NaN.
    return lambda key: key[0] == bound[0] and key != _NAN and compare(key, bound)


def _only(keys: Iterable[SortKey]) -> Accepts:
    return frozenset(keys).__contains__


def _all_but(keys: Iterable[SortKey]) -> Accepts:
    """Accept everything but null and *keys*."""
    excluded = {_NULL, *keys}
    return lambda key: key not in excluded


def _equal(operand: Message) -> Accepts:
    return _only([sort_key(operand)])


def _in(operand: Message) -> Accepts:
    return _only(sort_key(v) for v in operand.array_value.values if not (is_null(v) or is_nan(v)))


def _not_in(operand: Message) -> Accepts:
    elements = operand.array_value.values
    # A list with null matches nothing, as in SQL.
    return _only([]) if any(map(is_null, elements)) else _all_but(map(sort_key, elements))


_NULL = sort_key(Value(null_value=0))
_NAN = sort_key(Value(double_value=math.nan))
_ACCEPTS: dict[str, Callable[[Message], Accepts]] = {
    "LESS_THAN": partial(_compared, lt),
    "LESS_THAN_OR_EQUAL": partial(_compared, le),
    "GREATER_THAN": partial(_compared, gt),
    "GREATER_THAN_OR_EQUAL": partial(_compared, ge),
    "EQUAL": _equal,
    "NOT_EQUAL": lambda operand: _all_but([sort_key(operand)]),
    "IN": _in,
    "NOT_IN": _not_in,
    "ARRAY_CONTAINS": _equal,
    "ARRAY_CONTAINS_ANY": _in,
}
_UNARY_ACCEPTS = {
    "IS_NULL": _only([_NULL]),
    "IS_NAN": _only([_NAN]),
    "IS_NOT_NULL": _all_but([]),
    "IS_NOT_NAN": _all_but([_NAN]),
}
_NAMES = {_Operator.Value(name): name for name in _ACCEPTS}
_UNARY_NAMES = {_Unary.Value(name): name for name in _UNARY_ACCEPTS}
