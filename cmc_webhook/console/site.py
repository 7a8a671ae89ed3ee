"""What every view needs: the open Firestore, the language of a request, rendering."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import g, render_template, request
from werkzeug.exceptions import NotFound

from cmc_webhook.console.quarantined import Quarantined
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.objects import Objects
from cmc_webhook.reading.opened import Connection
from cmc_webhook.reading.texts import LANGUAGES, Texts
from cmc_webhook.simulator.posting import Credential

LANGUAGE_COOKIE = "language"
_LOCAL_REFRESH_S, _REAL_REFRESH_S = 2, 15


@dataclass(frozen=True, kw_only=True)
class Site(Connection):
    """The settings of the page, and the open Firestore.

    *emulator* is the address of a local Firestore, empty for Google's. *url* and
    *credential* are those of the status function, which processes data again. With
    *iap_audience* the page runs behind Identity-Aware Proxy, under *host_names*; else on
    this machine, on *port*.
    """

    objects: Objects
    emulator: str
    url: str
    credential: Credential
    may_change: bool
    port: int
    iap_audience: str = ""
    host_names: Sequence[str] = ()

    @property
    def refresh_s(self) -> int:
        """How often an open page looks for changes; each look is a read."""
        return _LOCAL_REFRESH_S if self.emulator else _REAL_REFRESH_S

    @cached_property
    def quarantined(self) -> Quarantined:
        """How many entries both quarantines hold; a count costs two reads."""
        return Quarantined([self.quarantine, self.received_quarantine], 4 * self.refresh_s)


class NoDocumentError(NotFound):
    """The document of this URL is not, or no longer, in Firestore."""


def existing(found: Document | None) -> Document:
    """Return *found*. Raises NoDocumentError for None."""
    if found is None:
        raise NoDocumentError
    return found


def request_texts() -> Texts:
    """Return the texts in the language of this request: the cookie's, else the browser's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    wanted = [chosen, *(name[:2] for name in request.accept_languages.values())]
    return Texts(next((name for name in wanted if name in LANGUAGES), LANGUAGES[0]))


def render_page(
    template: str, *, documents_read: int, count_queries: int = 0, **values: Any
) -> str:
    """Return the page made from *template*; its footer says what was read."""
    g.documents_read, g.count_queries = documents_read, count_queries
    return render_template(template, **values)
