"""
The quarantine of each function: lists and shows the entries, processes them again, deletes them.

Only entries of the status function can be processed again: the page knows only its URL.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from flask import Blueprint, Response, request
from werkzeug.exceptions import Forbidden, NotFound

from cmc_webhook.console.downloads import download
from cmc_webhook.console.paging import paged
from cmc_webhook.console.site import Site, render_page
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.objects import QUARANTINE_FOLDER
from cmc_webhook.reading.quarantine import (
    NotReplayableError,
    Obstacle,
    Quarantine,
    body_of,
    has_odd_bytes,
    text_of,
)
from cmc_webhook.simulator.posting import (
    Message,
    Pace,
    Target,
    deliver,
    saved_message,
)

_PAGE = 50
# Held in memory at the same time; an entry has up to 900,000 bytes.
_REPLAYED_AT_ONCE = 50
_SENDERS = 4


@dataclass(slots=True)
class Replay:
    """
    What became of the entries that were processed again.

    *posted* counts requests; *counts* are those of the function's answers. *left_out* are the
    entries that cannot be posted, by the reason; *odd_bytes* those of which bytes are replaced.
    """

    entries: int = 0
    posted: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    left_out: Counter[Obstacle] = field(default_factory=Counter)
    odd_bytes: int = 0


def quarantine(site: Site) -> Blueprint:
    """Return the views of the quarantine of the status function."""
    views = _views("quarantine", "/quarantine", site, site.quarantine)

    @views.post("/replay")
    def replay_all() -> str:
        _refuse_unless_allowed(site)
        pages = site.quarantine.pages(_REPLAYED_AT_ONCE)
        return _listed(site.quarantine, replayed=_replay(site, pages))

    @views.post("/<entry_id>/replay")
    def replay(entry_id: str) -> str:
        _refuse_unless_allowed(site)
        found = _entry(site.quarantine, entry_id)
        return _listed(site.quarantine, replayed=_replay(site, [[found]]))

    return views


def received_quarantine(site: Site) -> Blueprint:
    """Return the views of the quarantine of received mail."""
    held = site.received_quarantine
    views = _views("received_quarantine", "/quarantine/received", site, held)

    @views.get("/<entry_id>/content")
    def content(entry_id: str) -> Response:
        found = _entry(held, entry_id)
        file = site.objects.download(QUARANTINE_FOLDER, found.fields.get("stored_at", ""))
        return download(file, f"{entry_id}.txt")

    return views


def _views(name: str, prefix: str, site: Site, held: Quarantine) -> Blueprint:
    """Return the views that both quarantines have."""
    views = Blueprint(name, __name__, url_prefix=prefix)

    @views.get("")
    def show() -> str:
        return _listed(held)

    @views.get("/<entry_id>")
    def entry(entry_id: str) -> str:
        found = _entry(held, entry_id)
        return render_page("entry.html", documents_read=1, entry=found, content=text_of(found))

    @views.post("/<entry_id>/delete")
    def delete(entry_id: str) -> str:
        _refuse_unless_allowed(site)
        # A checkbox, because a question needs JavaScript.
        if "sure" not in request.form:
            raise Forbidden
        held.delete([_entry(held, entry_id).id])
        return _listed(held, deleted=True)

    return views


def _listed(held: Quarantine, replayed: Replay | None = None, *, deleted: bool = False) -> str:
    found = paged(held.listing(), _PAGE, ".show")
    before = replayed.entries if replayed else int(deleted)
    return render_page(
        "quarantine.html",
        documents_read=found.documents_read + before,
        found=found,
        entries=[(entry, text_of(entry)) for entry in found.documents],
        replayed=replayed,
        deleted=deleted,
    )


def _entry(held: Quarantine, entry_id: str) -> Document:
    found = held.get(entry_id)
    if found is None:
        raise NotFound
    return found


def _refuse_unless_allowed(site: Site) -> None:
    if not site.may_change:
        raise Forbidden


def _replay(site: Site, pages: Iterable[Sequence[Document]]) -> Replay:
    """Post the entries of *pages* to the function, page by page."""
    done, target = Replay(), Target(site.url)
    for entries in pages:
        done.entries += len(entries)
        messages = [m for entry in entries if (m := _message(entry, site, done))]
        done.posted += len(messages)
        for answer in deliver(target, ((m, 1) for m in messages), pace=Pace(0), senders=_SENDERS):
            done.counts.update(answer.counts)
            done.refused.update([] if answer.accepted else [answer.text])
    return done


def _message(entry: Document, site: Site, done: Replay) -> Message | None:
    """Return the request for *entry*; if none can be made, count the reason in *done*."""
    try:
        message = saved_message(body_of(entry, site.zone), site.credential)
    except NotReplayableError as error:
        done.left_out[error.why] += 1
        return None
    done.odd_bytes += has_odd_bytes(entry)
    return message
