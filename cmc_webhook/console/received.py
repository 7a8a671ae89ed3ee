"""Received mail: the list, one mail, its HTML in a sandboxed frame, and its files."""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nh3
from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from cmc_webhook.console.downloads import download, safe_name
from cmc_webhook.console.filters import read_period, read_text
from cmc_webhook.console.paging import paged
from cmc_webhook.console.site import Site, existing, render_page

_PARAMETERS = ("sender", "recipient", "period", "since", "until")
# The HTML gets an origin of its own, without scripts, forms and external content.
_FRAME_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'self'"
)
# Chromium looks up the host of a frame and connects to it before the policy stops the navigation:
# whatever can navigate or load is taken out, links too, as they lead nowhere from the sandbox.
_TAGS = (nh3.ALLOWED_TAGS - {"a", "area", "map"}) | {"font"}
_LOOKS = {"style", "align", "valign", "width", "height", "bgcolor", "color", "border", "dir"}
_SIZES = {"cellpadding", "cellspacing", "colspan", "rowspan", "size", "face", "alt", "src"}
# What may be in the bucket besides attachments, and its file name; HTML gets one that no browser
# opens as HTML.
_PARTS = {"text": "text.txt", "html": "html.txt", "headers": "headers.json", "raw": "mail.eml"}
# Endings of files that came without a name.
_SUFFIXES = tomllib.loads(Path(__file__).with_name("suffixes.toml").read_text(encoding="utf-8"))


def received(site: Site) -> Blueprint:
    """Return the views of received mail."""
    views = Blueprint("received", __name__, url_prefix="/received")

    @views.get("")
    def show() -> str:
        sender, recipient = (read_text(request.args, name) for name in ("sender", "recipient"))
        period, since, until = read_period(request.args, site.zone, datetime.now(UTC), "all")
        kept = {name: request.args.getlist(name) for name in _PARAMETERS if request.args.get(name)}
        found = paged(site.received.listing(sender, recipient, since, until), kept)
        return render_page(
            "received.html",
            documents_read=found.documents_read,
            found=found,
            sender=sender,
            recipient=recipient,
            since=since,
            until=until,
            period=period,
        )

    @views.get("/<document_id>")
    def mail(document_id: str) -> str:
        found = existing(site.received.get(document_id))
        return render_page(
            "received_mail.html",
            # The frame with the HTML reads the document again.
            documents_read=2 if "html" in found.fields else 1,
            mail=found,
            files=[*_files(found.fields)],
        )

    @views.get("/<document_id>/html")
    def html(document_id: str) -> Response:
        body = existing(site.received.get(document_id)).fields.get("html", "")
        response = Response(_sanitised(str(body)), content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = _FRAME_POLICY
        response.headers["X-DNS-Prefetch-Control"] = "off"
        return response

    @views.get("/<document_id>/attachments/<int:number>")
    def attachment(document_id: str, number: int) -> Response:
        """Return the file of this number, counted from 1."""
        files = [*_files(existing(site.received.get(document_id)).fields)]
        if not 0 < number <= len(files):
            raise NotFound
        file, name = files[number - 1]
        return download(site.objects.download(document_id, file.get("stored_at", "")), name)

    return views


def _sanitised(html: str) -> str:
    """Return *html* with its looks, without what tells the sender that it is read."""
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes={"*": _LOOKS | _SIZES},
        url_schemes={"data"},
        attribute_filter=lambda _, name, value: (
            value if name != "src" or value.startswith("data:image/") else None
        ),
        link_rel=None,
    )


def _files(mail: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield what is in the bucket, each with its file name: attachments, then parts."""
    for number, file in enumerate(mail.get("attachments", ()), 1):
        yield file, _file_name(file, number)
    for part, name in _PARTS.items():
        if stored_at := mail.get(f"{part}_stored_at"):
            yield {"part": part, "stored_at": stored_at}, name


def _file_name(file: Mapping[str, Any], number: int) -> str:
    # The standard's type only: that of a stranger must not make a name of a program.
    suffix = _SUFFIXES.get(str(file.get("content_type", "")).partition(";")[0].strip().lower(), "")
    return safe_name(file.get("file_name", ""), f"attachment-{number}{suffix}")
