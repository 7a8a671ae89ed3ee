"""Asks CMC's REST API. The credentials go to its URL alone, and into no message."""

import re
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

import requests

from cmc_webhook.reading import table
from cmc_webhook.reading.language import text
from cmc_webhook.settings import RestSettings

# Seconds to connect, and between two pieces of an answer.
_TIMEOUTS_S = (10, 60)


class RestError(Exception):
    """Nothing may be asked, or the answer cannot be used; the text says why."""


class Page(NamedTuple):
    """The *rows* of an answer, as they came; without any, *empty* is how the answer said so."""

    rows: list[Any]
    empty: str = ""


def ask(settings: RestSettings, resource: str, composition: str, **parameters: Any) -> Page:
    """Send one request for the list of *resource*, and never a second one. Raises RestError."""
    who = {"api_user": settings.user, "api_key": settings.key, "server_composition": composition}
    try:
        answer = requests.post(
            f"{settings.url}/{resource}/list.json",
            json={**who, **parameters},
            timeout=_TIMEOUTS_S,
            allow_redirects=False,  # the credentials would follow
        )
    except (requests.RequestException, ValueError) as error:  # as of a host name without a name
        # The error holds the request, and so the key.
        raise RestError(text("rest.no_answer", why=type(error).__name__)) from None
    if answer.status_code == requests.codes.no_content:
        return Page([], "204")
    content = None
    with suppress(ValueError, RecursionError):  # as of a page in HTML
        content = answer.json()
    rows = content.get(resource) if isinstance(content, dict) else ()
    errors = isinstance(content, dict) and content.get("errors")
    if errors or answer.status_code != requests.codes.ok or not isinstance(rows, list | None):
        said = str(errors or "")
        for secret in (settings.key, settings.user):
            written = (repr(secret)[1:-1], secret, quote(secret, safe=""), quote_plus(secret))
            said = re.sub("|".join(map(re.escape, written)), "***", said, flags=re.IGNORECASE)
        said = table.cut(table.printable(said), 200)
        raise RestError(text("rest.refused", status=answer.status_code, said=said))
    if rows is None:
        return Page([], "no_key")
    return Page(rows, "" if rows else "no_row")
