"""The quarantine of each function: groups and shows entries, processes them again, deletes them.

Only entries of the status function can be processed again: the page knows only its URL.
"""

import itertools
from collections.abc import Iterator, Sequence

from flask import Blueprint, Response, request
from werkzeug.exceptions import Forbidden

from cmc_webhook.console.downloads import download
from cmc_webhook.console.filters import read_text
from cmc_webhook.console.paging import PAGE, ListPage, paged
from cmc_webhook.console.replaying import Result, replay
from cmc_webhook.console.site import Site, existing, render_page
from cmc_webhook.reading.documents import Document
from cmc_webhook.reading.objects import QUARANTINE_FOLDER
from cmc_webhook.reading.problems import Problem, Shape, problem
from cmc_webhook.reading.quarantine import Quarantine, text_of
from cmc_webhook.reading.queries import Listing

# How many of the latest entries are grouped: Firestore cannot group, and each is a read.
_GROUPED = 500
# Held in memory at the same time; an entry has up to 900,000 bytes.
_REPLAYED_AT_ONCE = 50


def quarantine(site: Site) -> Blueprint:
    """Return the views of the quarantine of the status function."""
    held = site.quarantine
    views = _views("quarantine", "/quarantine", site, held)

    @views.post("/replay")
    def replay_all() -> str:
        pages = held.pages(_REPLAYED_AT_ONCE, read_text(request.args, "why"))
        return _changed(site, held, [result for page in pages for result in replay(site, page)])

    @views.post("/<entry_id>/replay")
    def replay_one(entry_id: str) -> str:
        return _changed(site, held, [*replay(site, [existing(held.get(entry_id))])])

    return views


def received_quarantine(site: Site) -> Blueprint:
    """Return the views of the quarantine of received mail."""
    held = site.received_quarantine
    views = _views("received_quarantine", "/quarantine/received", site, held)

    @views.get("/<entry_id>/content")
    def content(entry_id: str) -> Response:
        found = existing(held.get(entry_id))
        file = site.objects.download(QUARANTINE_FOLDER, found.fields.get("stored_at", ""))
        return download(file, f"{entry_id}.txt")

    return views


def _views(name: str, prefix: str, site: Site, held: Quarantine) -> Blueprint:
    views = Blueprint(name, __name__, url_prefix=prefix)

    @views.get("")
    def show() -> str:
        return _listed(held, read_text(request.args, "why"))

    @views.get("/<entry_id>")
    def entry(entry_id: str) -> str:
        found = existing(held.get(entry_id))
        return render_page(
            "entry.html",
            documents_read=1,
            entry=found,
            problem=problem(found),
            content=text_of(found),
        )

    @views.post("/<entry_id>/delete")
    def delete(entry_id: str) -> str:
        # A checkbox, because a question needs JavaScript.
        if "sure" not in request.form:
            raise Forbidden
        held.delete([existing(held.get(entry_id)).id])
        return _changed(site, held)

    return views


def _changed(site: Site, held: Quarantine, replayed: Sequence[Result] | None = None) -> str:
    """Return the whole list, and above it what a form did: *replayed*, or an entry deleted."""
    site.quarantined.forget()
    changed = 1 if replayed is None else len(replayed)
    return _listed(held, changed=changed, replayed=replayed)


def _listed(
    held: Quarantine, why: str = "", changed: int = 0, replayed: Sequence[Result] | None = None
) -> str:
    listing = held.listing(why)
    found = paged(listing, {"why": why} if why else {})
    shape = Shape(why, *(read_text(request.args, name) for name in ("list", "fields")))
    chosen = shape if "fields" in request.args else None
    groups: dict[Shape, list[Problem]] = {}
    entries = [] if chosen else [(entry, problem(entry)) for entry in found.documents]
    for entry in _latest(listing, found):
        what = problem(entry)
        groups.setdefault(what.shape, []).append(what)
        if what.shape == chosen and len(entries) < PAGE:
            entries.append((entry, what))
    reasons: dict[str, list[list[Problem]]] = {}
    for group in sorted(groups.values(), key=len, reverse=True):
        reasons.setdefault(group[0].shape.why, []).append(group)
    grouped = sum(map(len, groups.values()))
    return render_page(
        "quarantine.html",
        documents_read=found.documents_read + max(0, grouped - len(found.documents)) + changed,
        found=found,
        why=why,
        chosen=chosen,
        reasons=reasons,
        grouped=grouped,
        is_partial=grouped == _GROUPED,
        entries=entries,
        text_of=text_of,
        changed=changed,
        replayed=replayed,
    )


def _latest(listing: Listing, found: ListPage) -> Iterator[Document]:
    """Yield the latest entries, a page in memory at a time; none if *found* is an older page."""
    if found.newest:
        return iter(())
    rest = listing.pages(PAGE, listing.behind(found.documents[-1])) if found.older else ()
    pages = itertools.chain([found.documents], rest)
    return itertools.islice(itertools.chain.from_iterable(pages), _GROUPED)
