"""Which credentials are accepted. Pure."""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from cmc_webhook.settings import Settings

REDACTED = b"[redacted]"
# Possessive, so that a long value takes no memory for ways back into it.
_JSON_KEY = re.compile(rb'("api_key"\s*:\s*)(?:"(?:[^"\\]|\\.)*+"?|[^\s",\]}]+)', re.DOTALL)
_FORM_KEY = re.compile(rb"((?:^(?:\xef\xbb\xbf)?\s*|&)api_key=)[^&]*")
# No more lines than a part's header has, as each line may be the beginning of one.
_PART_KEY = re.compile(rb'(name="?api_key"?(?:\r?\n[^\r\n]+){0,8}+\r?\n\r?\n)[^\r\n]*')


class Credentials:
    """
    The accepted credentials of a deployment, several at once so that they can be rotated.

    An accepted credential is answered by its setting and place, such as
    ``CMC_API_KEYS[1]``, which may be logged; a refused one by None.
    """

    def __init__(self, settings: Settings) -> None:
        self._api_keys = _numbered("CMC_API_KEYS", settings.api_keys)
        self._basic = _numbered("CMC_BASIC_CREDENTIALS", settings.basic_credentials)
        self._mail = _numbered("CMC_MAIL_KEYS", settings.mail_keys)
        self._required = bool(self._api_keys or self._basic or self._mail)
        self._traces = sorted(_traces(settings), key=len, reverse=True)

    @property
    def required(self) -> bool:
        """Whether a post needs a credential; settings refuse none without express permission."""
        return self._required

    @property
    def body_keys(self) -> bool:
        """Whether a credential can stand in a body."""
        return bool(self._api_keys)

    @property
    def basic(self) -> bool:
        """Whether a client may be asked for a user and a password."""
        return bool(self._basic)

    def accept_header(self, authorization: str) -> str | None:
        """Judge an Authorization header, whose text is ISO-8859-1 as WSGI has it."""
        scheme, _, value = authorization.strip().partition(" ")
        value = value.strip()
        if scheme.lower() == "bearer":
            return _find(value.encode("latin-1", "replace"), self._api_keys)
        if scheme.lower() == "basic":
            try:
                return _find(base64.b64decode(value, validate=True), self._basic)
            except (binascii.Error, ValueError):  # no base64, or not ASCII
                return None
        return None

    def accept_query(self, key: str, secret: str) -> str | None:
        """Judge the ``MailKey`` and ``MailSecret`` of a query string, for who can set no header."""
        return _find(f"{key}:{secret}".encode(errors="replace"), self._mail)

    def accept_body_keys(self, candidates: Iterable[str]) -> str | None:
        """Judge every ``api_key`` of a body; one that is accepted suffices."""
        found = [_find(key.encode(errors="replace"), self._api_keys) for key in candidates]
        return next(filter(None, found), None)

    def redact(self, content: bytes) -> bytes:
        """Return *content* without any ``api_key``, accepted or not, and any configured secret."""
        content = _JSON_KEY.sub(rb'\1"' + REDACTED + b'"', content)
        for key in (_FORM_KEY, _PART_KEY):
            content = key.sub(rb"\1" + REDACTED, content)
        for trace in self._traces:
            content = content.replace(trace, REDACTED)
        return content


def _numbered(variable: str, secrets: Iterable[str]) -> list[tuple[bytes, str]]:
    return [(s.encode(), f"{variable}[{n}]") for n, s in enumerate(secrets, 1) if s]


def _find(candidate: bytes, accepted: list[tuple[bytes, str]]) -> str | None:
    # All are compared, so that the time tells neither which one matched nor whether one did.
    names = [name for secret, name in accepted if _equal(candidate, secret)]
    return names[0] if names else None


def _equal(one: bytes, other: bytes) -> bool:
    """Compare two secrets in a time that depends on neither; the only place that compares them."""
    return hmac.compare_digest(hashlib.sha256(one).digest(), hashlib.sha256(other).digest())


def _traces(settings: Settings) -> set[bytes]:
    """Return the ways in which a configured secret can stand in a body."""
    pairs = [*settings.basic_credentials, *settings.mail_keys]
    passwords = [pair.partition(":")[2] for pair in pairs]
    traces = set()
    for secret in filter(None, [*settings.api_keys, *pairs, *passwords]):
        in_json = {json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
        in_json |= {text.replace("/", r"\/") for text in in_json}
        in_form = {quote(secret, safe=""), quote_plus(secret)}
        in_form |= {re.sub("%..", lambda code: code[0].lower(), text) for text in in_form}
        traces |= {secret} | in_json | in_form
    return {trace.encode() for trace in traces}
