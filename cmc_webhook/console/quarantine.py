"""The quarantine: what is there and why, posted again or deleted."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, request
from werkzeug.exceptions import Forbidden, NotFound

from cmc_webhook.command_line.replay import message
from cmc_webhook.console.choices import is_document_id
from cmc_webhook.console.site import Site, page
from cmc_webhook.reading.quarantine import CutEntryError, body_of, text_of
from cmc_webhook.reading.queries import Document
from cmc_webhook.simulator.posting import Answer, Credential, Message, Pace, Target, deliver

_SHOWN = 200
_MOST_REPLAYED = 5_000
_SENDERS = 4


def quarantine(site: Site) -> Blueprint:
    """Return the views of the quarantine."""
    views = Blueprint("quarantine", __name__, url_prefix="/quarantine")

    @views.get("")
    def show() -> str:
        return _listed(site)

    @views.get("/<entry_id>")
    def entry(entry_id: str) -> str:
        found = _entry(site, entry_id)
        return page("entry.html", documents_read=1, entry=found, content=text_of(found))

    @views.post("/replay")
    def replay_all() -> str:
        _refuse_unless_allowed(site)
        entries = site.quarantine.newest(_MOST_REPLAYED)
        return _listed(site, replayed=_replay(site, entries))

    @views.post("/<entry_id>/replay")
    def replay(entry_id: str) -> str:
        _refuse_unless_allowed(site)
        found = _entry(site, entry_id)
        return _listed(site, replayed=_replay(site, [found]))

    @views.post("/<entry_id>/delete")
    def delete(entry_id: str) -> str:
        _refuse_unless_allowed(site)
        # A checkbox that must be ticked works without JavaScript, too.
        if "sure" not in request.form:
            raise Forbidden
        site.quarantine.delete([_entry(site, entry_id).id])
        return _listed(site, deleted=True)

    return views


def _listed(site: Site, **done: Any) -> str:
    entries = site.quarantine.newest(_SHOWN)
    told = [(entry, text_of(entry)) for entry in entries]
    return page("quarantine.html", documents_read=len(entries), entries=told, **done)


def _entry(site: Site, entry_id: str) -> Document:
    found = site.quarantine.get(entry_id) if is_document_id(entry_id) else None
    if found is None:
        raise NotFound
    return found


def _refuse_unless_allowed(site: Site) -> None:
    if not site.may_change:
        raise Forbidden


def _replay(site: Site, entries: Sequence[Document]) -> dict[str, Any]:
    """Post *entries* to the function and return what came of it."""
    messages = [m for entry in entries if (m := _message(entry, site.credential))]
    pairs = ((m, 1) for m in messages)
    answers: list[Answer] = list(deliver(Target(site.url), pairs, pace=Pace(0), senders=_SENDERS))
    return {
        "count": len(messages),
        "accepted": sum(answer.accepted for answer in answers),
        "refused": Counter(answer.text for answer in answers if not answer.accepted),
        "cut": len(entries) - len(messages),
    }


def _message(entry: Document, credential: Credential) -> Message | None:
    try:
        return message(body_of(entry), credential)
    except CutEntryError:
        return None
