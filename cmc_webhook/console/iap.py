"""Lets in only what Google's Identity-Aware Proxy has signed.

https://cloud.google.com/iap/docs/signed-headers-howto
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import requests
from flask import Flask, Response, request
from google.auth import jwt

from cmc_webhook.console.site import request_texts

KEYS_URL = "https://www.gstatic.com/iap/verify/public_key"
_HEADER = "X-Goog-IAP-JWT-Assertion"
_ISSUER = "https://cloud.google.com/iap"
_ALGORITHM = "ES256"
# A server takes headers of 8 kB or more; a token needs a part of that.
_LONGEST = 8_192
_CLOCKS_DIFFER_S = 30
_TIMEOUT_S = 5
# A key that Google withdraws is accepted no longer than that.
_KEPT_S = 3_600
# After a request for the keys, whatever came of it, there is none for so long.
_PAUSE_S = 20


class KeysAwayError(Exception):
    """The public keys could not be fetched."""


class PublicKeys:
    """The public keys at *url*, each as PEM by its id; fetched when needed. Thread-safe."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, str] = {}
        self._good_until = self._pause_until = float("-inf")

    def named(self, key_id: Any) -> str | None:
        """Return the key with this id, if there is one. Raises KeysAwayError."""
        with self._lock:
            now = self._clock()
            if (now >= self._good_until or key_id not in self._keys) and now >= self._pause_until:
                self._pause_until = now + _PAUSE_S
                self._keys = self._fetched()
                self._good_until = now + _KEPT_S
            if now >= self._good_until:
                raise KeysAwayError
            return self._keys.get(key_id)

    def _fetched(self) -> dict[str, str]:
        try:
            answer = requests.get(self._url, timeout=_TIMEOUT_S)
            keys = answer.json() if answer.status_code == requests.codes.ok else None
        except requests.RequestException as error:
            raise KeysAwayError from error
        if not isinstance(keys, dict) or not keys:
            raise KeysAwayError
        return keys


def require(app: Flask, audience: str, keys: PublicKeys) -> None:
    """Refuse every request to *app* without a valid signature for *audience*, in one sentence."""

    @app.before_request
    def check() -> Response | None:
        token = request.headers.get(_HEADER, "")
        try:
            if token and is_signed(token, audience, keys):
                return None
        except KeysAwayError:
            return _refusal(503, "error.iap_away")
        return _refusal(403, "error.iap_wrong") if token else _refusal(401, "error.iap_missing")


def is_signed(token: str, audience: str, keys: PublicKeys) -> bool:
    """Return whether *token* is of Identity-Aware Proxy, for *audience* and now valid."""
    if len(token) > _LONGEST:
        return False
    try:
        header = jwt.decode_header(token)  # type: ignore[no-untyped-call] # as google-auth has it
        # google-auth takes other algorithms as well.
        if header.get("alg") != _ALGORITHM:
            return False
        key = keys.named(header.get("kid"))
        options = {"audience": audience, "clock_skew_in_seconds": _CLOCKS_DIFFER_S}
        claims = jwt.decode(token, key or {}, **options)  # type: ignore[no-untyped-call]
    # google-auth's errors are ValueErrors; the others come of values of the wrong type.
    except (ValueError, TypeError, RecursionError):
        return False
    return bool(claims.get("iss") == _ISSUER)


def _refusal(status: int, key: str) -> Response:
    """Return the sentence alone: a stranger learns nothing of project and collections."""
    return Response(f"{request_texts().text(key)}\n", status, mimetype="text/plain")
