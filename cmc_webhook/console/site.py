"""What every view of the page needs: the open Firestore, and the language of a request."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import g, render_template, request

from cmc_webhook.console.words import LANGUAGES, Words
from cmc_webhook.reading.connection import Connection
from cmc_webhook.reading.objects import Objects
from cmc_webhook.reading.quarantine import Quarantine
from cmc_webhook.reading.received import ReceivedMails
from cmc_webhook.reading.statuses import MailStatuses
from cmc_webhook.simulator.posting import Credential

LANGUAGE_COOKIE = "language"


@dataclass(frozen=True, kw_only=True)
class Site:
    """
    The page's own settings.

    *emulator* is the address of a local Firestore, empty for a real one; *url* and
    *credential* are those of the function, for what is posted again.
    """

    connection: Connection
    objects: Objects
    emulator: str
    url: str
    credential: Credential
    may_change: bool
    port: int

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which times are shown and read."""
        return self.connection.zone

    @property
    def statuses(self) -> MailStatuses:
        """The status documents."""
        return MailStatuses(self.connection.client, self.connection.collection)

    @property
    def quarantine(self) -> Quarantine:
        """The quarantine beside them."""
        return Quarantine(self.connection.client, self.connection.collection)

    @property
    def received_quarantine(self) -> Quarantine:
        """The quarantine of received mail, whose contents are in the bucket."""
        return Quarantine(self.connection.client, self.connection.inbound_collection)

    @property
    def received(self) -> ReceivedMails:
        """The mails that the other function has received."""
        return ReceivedMails(self.connection.client, self.connection.inbound_collection)


def words() -> Words:
    """Return the texts in the language of this request."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    wanted = [chosen, *(name[:2] for name in request.accept_languages.values())]
    return Words(next((name for name in wanted if name in LANGUAGES), LANGUAGES[0]))


def page(template: str, *, documents_read: int, counts_asked: int = 0, **values: Any) -> str:
    """Return the page made of *template*, which says at its foot what it has read."""
    g.documents_read, g.counts_asked = documents_read, counts_asked
    return render_template(template, **values)


def shown(value: Any, zone: ZoneInfo, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return *value* as a person reads it; a time as it is in *zone*."""
    match value:
        case datetime():
            return value.astimezone(zone).strftime(pattern)
        case list():
            return ", ".join(shown(each, zone, pattern) for each in value)
        case dict():
            return " ".join(
                f"{name}: {shown(each, zone, pattern)}" for name, each in sorted(value.items())
            )
        case _:
            return str(value)
