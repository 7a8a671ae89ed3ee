"""The page as a Flask application: its views, its texts and its languages."""

from typing import Any

import flask
from flask import Flask, abort, g, redirect, request, url_for
from werkzeug.exceptions import Forbidden, ServiceUnavailable
from werkzeug.wrappers import Response

from cmc_webhook.console import error_pages, iap, security
from cmc_webhook.console.addresses import addresses
from cmc_webhook.console.dashboard import dashboard
from cmc_webhook.console.downloads import MOST_ROWS
from cmc_webhook.console.mails import mails
from cmc_webhook.console.periods import OFFERED
from cmc_webhook.console.polling import polling
from cmc_webhook.console.quarantine import quarantine, received_quarantine
from cmc_webhook.console.received import received
from cmc_webhook.console.site import LANGUAGE_COOKIE, Site, request_texts
from cmc_webhook.console.statistics import statistics
from cmc_webhook.console.stops import LARGEST_FILE, stops
from cmc_webhook.reading.campaigns import is_without_gap
from cmc_webhook.reading.connection import is_reachable
from cmc_webhook.reading.meanings import short_cause, status_word, zone_name
from cmc_webhook.reading.problems import visible
from cmc_webhook.reading.texts import LANGUAGES
from cmc_webhook.reading.times import in_zone, shown

# Reads of a real project cost money, so a page that reads many documents is refreshed less often.
_DOCUMENTS_A_SECOND = 20
_LARGEST_FORM = 16_384


class _Page(Flask):
    def send_static_file(self, filename: str) -> flask.Response:
        """Return the file, read and closed: Werkzeug leaves it open for a reader who hangs up."""
        response = super().send_static_file(filename)
        response.direct_passthrough = False
        response.get_data()
        response.close()
        return response


def create_app(site: Site, keys_url: str = iap.KEYS_URL) -> Flask:
    """Return the page for *site*; *keys_url* has the keys of Identity-Aware Proxy."""
    app = _Page(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_FORM
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    if site.iap_audience:  # before all else: the pages of errors name the project
        iap.require(app, site.iap_audience, iap.PublicKeys(keys_url))

    @app.before_request
    def admit_form() -> None:  # before the token is read, which is in the same form
        if request.endpoint == "stops.check_file":  # which changes nothing
            request.max_content_length = LARGEST_FILE + _LARGEST_FORM
        elif request.method == "POST" and not site.may_change:
            raise Forbidden

    security.protect(app, site.host_names or security.loopback_hosts(site.port))
    error_pages.register(app)
    _add_template_values(app, site)
    _add_own_routes(app, site)
    lists = (mails, addresses, stops, quarantine, received_quarantine, received)
    for views in (dashboard, statistics, *lists, polling):
        app.register_blueprint(views(site))
    return app


def _add_template_values(app: Flask, site: Site) -> None:
    app.jinja_env.filters["at"] = lambda time: shown(time, site.zone)
    app.jinja_env.filters["iso"] = lambda time: in_zone(time, site.zone).isoformat()
    app.jinja_env.filters["local"] = lambda time: shown(time, site.zone, "%Y-%m-%dT%H:%M:%S")
    app.jinja_env.filters["visible"] = visible
    app.jinja_env.filters["number"] = "{:,}".format
    app.jinja_env.tests["without_gap"] = is_without_gap
    app.jinja_env.globals |= {"site": site, "periods": OFFERED, "most_rows": MOST_ROWS}

    @app.context_processor
    def values() -> dict[str, Any]:
        texts = request_texts()
        # None on an error page: what was read before the error is not known.
        documents_read = g.get("documents_read")
        seldom = max(site.refresh_s, (documents_read or 0) // _DOCUMENTS_A_SECOND)
        here = request.full_path.removesuffix("?")
        form_of = request.blueprint or "quarantine"
        return {
            "t": texts.text,
            "texts": texts,
            "languages": LANGUAGES,
            "q": request.args.get("q", ""),
            "zone": zone_name(site.zone, texts),
            # The result of a form is shown above the list of a quarantine, which has its own URL.
            "here": here if request.method == "GET" else url_for(f"{form_of}.show"),
            "status_name": lambda status, cause="": texts.name(
                "status", status_word(status, cause)
            ),
            "short_cause": lambda fields: short_cause(fields, texts),
            "documents_read": documents_read,
            "refresh_s": site.refresh_s if site.emulator else seldom,
        }


def _add_own_routes(app: Flask, site: Site) -> None:
    @app.before_request
    def refuse_without_firestore() -> None:
        # Otherwise the reader waits until the client gives up.
        if site.emulator and request.endpoint != "static" and not is_reachable(site.emulator):
            raise ServiceUnavailable

    @app.get("/language/<language>")
    def set_language(language: str) -> Response:
        """Store the language in a cookie and go back to the page in *to*."""
        back = request.args.get("to", "/")
        if language not in LANGUAGES or not _is_own_path(back):
            abort(400)
        response = redirect(back)
        response.set_cookie(LANGUAGE_COOKIE, language, httponly=True, samesite="Strict")
        return response


def _is_own_path(path: str) -> bool:
    """Return whether *path* stays on this page; browsers read a backslash as a slash."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
