"""Refuses or logs the queries that would fail on the real Firestore for want of an index."""

import logging

from google.api_core.exceptions import FailedPrecondition

from cmc_webhook.local_firestore.indexes import Index, IndexDefinitions, missing_indexes
from cmc_webhook.local_firestore.queries import Query

_log = logging.getLogger(__name__)


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
