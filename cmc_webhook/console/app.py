"""The page as a Flask application: its views, its texts, and its languages."""

from typing import Any

from flask import Flask, abort, g, redirect, request, url_for
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.wrappers import Response

from cmc_webhook.console import error_pages, meanings, security
from cmc_webhook.console.dashboard import overview
from cmc_webhook.console.mail import mail
from cmc_webhook.console.mails import mails
from cmc_webhook.console.polling import live
from cmc_webhook.console.quarantine import quarantine, received_quarantine
from cmc_webhook.console.received import received
from cmc_webhook.console.site import LANGUAGE_COOKIE, Site, shown, words
from cmc_webhook.console.words import LANGUAGES
from cmc_webhook.reading.connection import answers

_LOCAL_REFRESH_S, _REAL_REFRESH_S = 2, 15
# A page that reads much of a real project is refreshed the less often, because reads cost money.
_DOCUMENTS_A_SECOND = 20
_LARGEST_FORM = 16_384


def create_app(site: Site) -> Flask:
    """Return the page for *site*."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_FORM
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    security.protect(app, site.port)
    error_pages.explain(app)
    _add_texts(app, site)
    _add_own_routes(app, site)
    for views in (overview, mails, mail, quarantine, received_quarantine, received, live):
        app.register_blueprint(views(site))
    return app


def _add_texts(app: Flask, site: Site) -> None:
    app.jinja_env.filters["at"] = lambda time: shown(time, site.zone)
    app.jinja_env.filters["local"] = lambda time: shown(time, site.zone, "%Y-%m-%dT%H:%M:%S")
    app.jinja_env.filters["number"] = "{:,}".format
    app.jinja_env.globals["site"] = site

    @app.context_processor
    def texts() -> dict[str, Any]:
        t = words()
        # None on a page of a failure, which cannot tell what it has cost.
        documents_read = g.get("documents_read")
        seldom = max(_REAL_REFRESH_S, (documents_read or 0) // _DOCUMENTS_A_SECOND)
        here = request.full_path.removesuffix("?")
        form_of = request.blueprint or "quarantine"
        return {
            "t": t,
            "languages": LANGUAGES,
            # What a form has done is shown above a quarantine, which has an address of its own.
            "here": here if request.method == "GET" else url_for(f"{form_of}.show"),
            "status_label": lambda status: t.of(meanings.label(status)),
            "cause_label": lambda cause: t.of(meanings.CAUSES.get(cause, (cause, cause))),
            "cause_advice": lambda cause: t.of(meanings.ADVICE[cause]),
            "why_label": lambda why: t.of(meanings.QUARANTINED.get(why, (why, why))),
            "documents_read": documents_read,
            "refresh_s": _LOCAL_REFRESH_S if site.emulator else seldom,
            "counts_asked": g.get("counts_asked", 0),
        }


def _add_own_routes(app: Flask, site: Site) -> None:
    @app.before_request
    def refuse_without_firestore() -> None:
        # The client would keep the reader waiting until it gives up.
        if site.emulator and request.endpoint != "static" and not answers(site.emulator):
            raise ServiceUnavailable

    @app.get("/language/<language>")
    def speak(language: str) -> Response:
        """Remember the language and go back to where the reader was."""
        back = request.args.get("to", "/")
        if language not in LANGUAGES or not _is_own_path(back):
            abort(400)
        response = redirect(back)
        response.set_cookie(LANGUAGE_COOKIE, language, httponly=True, samesite="Strict")
        return response


def _is_own_path(path: str) -> bool:
    """Whether *path* leads nowhere but to this page; browsers read a backslash as a slash."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
