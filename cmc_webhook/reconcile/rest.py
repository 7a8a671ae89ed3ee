"""Asks CMC's REST API. The credentials go to its URL alone, and into no message."""

from typing import Any, NamedTuple

import requests

from cmc_webhook.reading import table
from cmc_webhook.reading.language import text
from cmc_webhook.settings import RestSettings

# Seconds to connect, and between two pieces of an answer.
_TIMEOUTS_S = (10, 60)
_MOST_ERROR = 200


class RestError(Exception):
    """There was no answer, or another than the rows asked for; the text says which."""


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
        content = answer.json() if answer.content else None
    except requests.JSONDecodeError:
        content = ()
    except (requests.RequestException, RecursionError) as error:
        # The error holds the request, and so the key.
        raise RestError(text("rest.no_answer", why=type(error).__name__)) from None
    if isinstance(content, dict) and content.get("errors"):
        said = _said(content["errors"], (settings.key, settings.user))
        raise RestError(text("rest.refused", error=said))
    if answer.status_code not in (requests.codes.ok, requests.codes.no_content):
        raise RestError(text("rest.status", status=answer.status_code))
    if content is None:
        return Page([], "204")
    rows = content.get(resource) if isinstance(content, dict) else content
    if rows is None:
        return Page([], "no_key")
    if not isinstance(rows, list):
        raise RestError(text("rest.unreadable"))
    return Page(rows, "" if rows else "no_row")


def _said(errors: Any, secrets: tuple[str, ...]) -> str:
    """Return code and message of the first of *errors*, without the *secrets*."""
    first = errors[0] if isinstance(errors, list) else errors
    fields = first if isinstance(first, dict) else {"message": first}
    said = " ".join(str(fields[name]) for name in ("code", "message") if fields.get(name))
    for secret in secrets:
        said = said.replace(secret, "[redacted]")
    return table.cut(table.printable(said), _MOST_ERROR)
