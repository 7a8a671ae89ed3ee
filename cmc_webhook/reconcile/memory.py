"""What a run of `reconcile` leaves in Firestore for the next one: bookings and figures."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from grpc import StatusCode

from cmc_webhook.batches import Write
from cmc_webhook.database import Budget, Database, Held
from cmc_webhook.errors import StoreUnavailable
from cmc_webhook.reading.language import text
from cmc_webhook.reconcile.rest import RestError
from cmc_webhook.writer import Writer, attempts

Fields: TypeAlias = dict[str, Any]
_FIELDS = ("statistics", "bounces", "deliveries", "figures", "judged")


class Memory:
    """The documents of ``<collection>_reconcile``."""

    def __init__(self, database: Database, collection: str) -> None:
        self._database = database
        self._name = partial(database.document, f"{collection}_reconcile")
        self._writer = Writer(database, None)

    def read(self, name: str) -> Held | None:
        [held] = self._database.read([self._name(name)], _FIELDS, patience()).values()
        return held

    def change(self, name: str, compute: Callable[[Fields], Fields]) -> None:
        """Set the fields that *compute* makes of those held, unless others wrote.

        Then, or if it is not known whether they are written, it is read and computed again.
        Raises StoreUnavailable and Google's errors.
        """
        budget = patience()
        for _ in attempts(budget):
            held = self.read(name)
            fields = compute(held.fields if held else {})
            write = Write(self._name(name), fields, held.update_time if held else None)
            if self._writer.write({name: write}, budget)[name].code is StatusCode.OK:
                return
        raise StoreUnavailable(f"{name} was not stored in time.")

    def book(self, day: str, use: str, most: int) -> None:
        """Book one request of *day* for *use*. Raises RestError if that makes more than *most*.

        A booking whose outcome is unknown is made again, so never too few are booked.
        """

        def one_more(held: Fields) -> Fields:
            if held.get(use, 0) >= most:
                raise RestError(text("reconcile.spent"))
            return {use: held.get(use, 0) + 1}

        self.change(f"requests-{day}", one_more)


def patience() -> Budget:
    """Return the deadline of a step: nobody waits for an answer as CMC does."""
    return Budget(60.0, longest_rpc_s=20.0)
