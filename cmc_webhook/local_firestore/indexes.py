"""Which indexes the real Firestore requires for a query.
It answers a part of a query that is joined by AND from one index, or from several whose entries it
merges: each starts with fields that are tested for equality and ends with the order of the query.
Rules: https://cloud.google.com/firestore/docs/query-data/index-overview
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.api_core.exceptions import FailedPrecondition
from google.cloud.firestore_v1.field_path import render_field_path

from cmc_webhook.local_firestore.errors import StartError
from cmc_webhook.local_firestore.field_paths import NAME, FieldPath
from cmc_webhook.local_firestore.filters import FieldTest
from cmc_webhook.local_firestore.queries import Order, Query
from cmc_webhook.local_firestore.resource_names import Scope

_log = logging.getLogger(__name__)
_NAME = "__name__"
_ASCENDING, _DESCENDING, _CONTAINS = "ASCENDING", "DESCENDING", "CONTAINS"

# Paths as gcloud takes them, and ASCENDING, DESCENDING or CONTAINS.
IndexFields: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Index:
    """An index on the collections with that id, or if *group* across all of them."""

    collection: str
    group: bool
    fields: IndexFields

    def how_to_create(self) -> str:
        """Return the gcloud command that creates the index, or a sentence if there is none."""
        configs = [
            (path, f"{'array-config' if mode == _CONTAINS else 'order'}={mode.lower()}")
            for path, mode in self.fields
        ]
        [(path, mode), *others] = configs
        command, collection = "gcloud firestore indexes", f"--collection-group={self.collection}"
        if others or path == _NAME:
            scope = " --query-scope=collection-group" if self.group else ""
            fields = " ".join(f"--field-config=field-path={path},{mode}" for path, mode in configs)
            return f"{command} composite create {collection}{scope} {fields}"
        if not self.group:
            return f"{command} fields update {path} {collection} --index={mode}"
        return (
            f"a field override of {path} in {self.collection} with {mode} and queryScope"
            " COLLECTION_GROUP (in the Firebase CLI's firestore.indexes.json)"
        )


@dataclass(frozen=True, slots=True)
class IndexDefinitions:
    """The indexes; *overridden*: collection and path of the fields without automatic indexes."""

    created: frozenset[Index] = frozenset()
    overridden: frozenset[tuple[str, str]] = frozenset()


def parse_definitions(content: Mapping[str, Any]) -> IndexDefinitions:
    """Parse the content of a firestore.indexes.json of the Firebase CLI, or raise StartError."""
    # Format: https://firebase.google.com/docs/reference/firestore/indexes
    try:
        overrides = content.get("fieldOverrides", [])
        indexes = [
            (each["collectionGroup"], each, each["fields"]) for each in content.get("indexes", [])
        ]
        indexes += [
            (each["collectionGroup"], index, [{**index, "fieldPath": each["fieldPath"]}])
            for each in overrides
            for index in each["indexes"]
        ]
        return IndexDefinitions(
            frozenset(_parse_index(*each) for each in indexes),
            frozenset((each["collectionGroup"], each["fieldPath"]) for each in overrides),
        )
    except (AttributeError, LookupError, TypeError) as error:
        raise StartError(
            "The definitions of indexes have another format than a firestore.indexes.json: make one"
            " with `firebase firestore:indexes`."
        ) from error


def _parse_index(
    collection: str, index: Mapping[str, Any], fields: Sequence[Mapping[str, Any]]
) -> Index:
    if not fields:
        raise LookupError("an index without fields")
    group = index.get("queryScope") == "COLLECTION_GROUP"
    modes = [(str(f["fieldPath"]), str(f.get("order") or f.get("arrayConfig"))) for f in fields]
    return Index(collection, group, tuple(modes))


class IndexCheck:
    """Checks queries against *defined*; None: log each missing index once and refuse nothing."""

    def __init__(self, defined: IndexDefinitions | None) -> None:
        self._defined = defined
        self._logged: set[Index] = set()

    def check(self, query: Query) -> None:
        """Raise FailedPrecondition if the query needs an index that is not defined."""
        missing = missing_indexes(query, self._defined or IndexDefinitions())
        if self._defined is None:
            for index in missing - self._logged:
                self._logged.add(index)
                _log.info(
                    "the real Firestore needs an index for this query: %s", index.how_to_create()
                )
        elif missing:
            how = "; ".join(sorted(index.how_to_create() for index in missing))
            raise FailedPrecondition(f"The query requires an index. You can create it with: {how}")


def missing_indexes(query: Query, defined: IndexDefinitions) -> set[Index]:
    """Return an index for each alternative that has none; several smaller ones may do instead."""
    missing = (_missing(query.scope, tests, query.orders, defined) for tests in query.alternatives)
    return {index for index in missing if index}


def _missing(
    scope: Scope, tests: Sequence[FieldTest], orders: Sequence[Order], defined: IndexDefinitions
) -> Index | None:
    equal = {
        (test.path, test.is_of_elements())
        for test in tests
        if not test.is_inequality() and test.path != NAME
    }
    end = tuple(
        (render_field_path(order.path), _DESCENDING if order.descending else _ASCENDING)
        for order in orders
        if (order.path, False) not in equal
    )
    # Documents by ascending name need no index.
    if not equal and end == ((_NAME, _ASCENDING),):
        return None
    tested = {(render_field_path(path), of_elements) for path, of_elements in equal}
    paths = {path for path, _ in equal} | {order.path for order in orders} - {NAME}
    starts = [start for start in _starts(scope, paths, end, defined) if start <= tested]
    if starts and set().union(*starts) == tested:
        return None
    fields = [(path, _CONTAINS if contains else _ASCENDING) for path, contains in sorted(tested)]
    return Index(scope.collection, scope.descendants, _shortened((*fields, *end)))


def _starts(
    scope: Scope, paths: Iterable[FieldPath], end: IndexFields, defined: IndexDefinitions
) -> Iterator[set[tuple[str, bool]]]:
    """Yield what comes before *end* in each index with it: path, and whether of elements."""
    automatic = (
        Index(scope.collection, False, ((render_field_path(path), mode),))
        for path in paths
        for mode in (_ASCENDING, _DESCENDING, _CONTAINS)
        if not _is_overridden(scope.collection, path, defined)
    )
    for index in (*automatic, *defined.created):
        fields = _completed(index.fields)
        start = len(fields) - len(end)
        if (index.collection, index.group) == (scope.collection, scope.descendants) and (
            start >= 0 and fields[start:] == end
        ):
            yield {(path, mode == _CONTAINS) for path, mode in fields[:start]}


def _is_overridden(collection: str, path: FieldPath, defined: IndexDefinitions) -> bool:
    """Whether the field or a map around it has no automatic indexes."""
    around = (render_field_path(path[: length + 1]) for length in range(len(path)))
    return any((collection, each) in defined.overridden for each in around)


def _completed(fields: IndexFields) -> IndexFields:
    path, mode = fields[-1]
    if path == _NAME:
        return fields
    return (*fields, (_NAME, _DESCENDING if mode == _DESCENDING else _ASCENDING))


def _shortened(fields: IndexFields) -> IndexFields:
    """Return *fields* without a `__name__` that Firestore adds."""
    return fields[:-1] if len(fields) > 1 and _completed(fields[:-1]) == fields else fields
