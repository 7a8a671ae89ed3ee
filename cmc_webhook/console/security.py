"""Protects the page in the browser: its own host names, tokens in forms, and headers."""

import hmac
import secrets
from collections.abc import Collection

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden, MisdirectedRequest

# No foreign and no inline content: even text that is not escaped can do nothing.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-DNS-Prefetch-Control": "off",
}


class ForeignFormError(Forbidden):
    """A form without the token of this page."""


def loopback_hosts(port: int) -> frozenset[str]:
    """Return the host names under which a browser on this machine opens the page."""
    return frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))


def protect(app: Flask, hosts: Collection[str]) -> None:
    """Refuse other *hosts* and forms without the token; add security headers to each answer."""
    token = secrets.token_urlsafe()

    @app.before_request
    def check() -> None:
        # DNS rebinding: the host name of another site may resolve to this machine.
        if request.host not in hosts:
            raise MisdirectedRequest
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            given = request.form.get("token", "").encode(errors="replace")
            if not hmac.compare_digest(given, token.encode()):
                raise ForeignFormError

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    app.jinja_env.globals["token"] = token
