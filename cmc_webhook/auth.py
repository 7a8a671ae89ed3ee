"""Checks the credentials of a request. Pure."""

import base64
import contextlib
import hashlib
import hmac
from collections.abc import Iterable

from cmc_webhook.errors import NotAuthenticated
from cmc_webhook.settings import API_KEYS, BASIC_CREDENTIALS, MAIL_KEYS, Settings


class Credentials:
    """The accepted credentials of a deployment, several at once so that they can be rotated.

    An accepted credential is reported as its setting and position, such as
    ``CMC_API_KEYS[1]``, which may be logged. Its value is never reported.
    """

    def __init__(self, settings: Settings) -> None:
        self._accepted = {
            variable: [
                (encoded, f"{variable}[{n}]")
                for n, secret in enumerate(secrets, 1)
                for encoded in _encodings(secret)
            ]
            for variable, secrets in settings.credentials.items()
        }
        # Whether requests must authenticate: always, unless no credential is configured.
        self.required = any(self._accepted.values())
        # Whether a client may be asked for a user and a password.
        self.basic = bool(self._accepted.get(BASIC_CREDENTIALS))

    def admit_head(self, authorization: str, mail_key: tuple[str, str]) -> str | None:
        """Return the accepted credential of the head, or None where the body may still hold one.

        *authorization* is the header as WSGI decodes it, ISO-8859-1. *mail_key* is
        ``MailKey`` and ``MailSecret`` of the query string, for senders that cannot set
        a header (SendGrid Inbound Parse). Raises NotAuthenticated.
        """
        accepted = self._header(authorization) or self._find(
            ":".join(mail_key).encode(errors="replace"), MAIL_KEYS
        )
        if self.required and not accepted and not self._accepted.get(API_KEYS):
            raise self._refusal()
        return accepted

    def admit_body(self, api_keys: Iterable[str]) -> str | None:
        """Return the accepted of *api_keys*, None if none is needed. Raises NotAuthenticated."""
        found = [self._find(key.encode(errors="replace"), API_KEYS) for key in api_keys]
        accepted = next(filter(None, found), None)
        if self.required and not accepted:
            raise self._refusal()
        return accepted

    def _header(self, authorization: str) -> str | None:
        scheme, _, value = authorization.strip().replace("\t", " ").partition(" ")
        value = value.strip()
        if scheme.lower() == "bearer":
            return self._find(value.encode("latin-1", "replace"), API_KEYS)
        if scheme.lower() == "basic":
            padding = "=" * (-len(value) % 4)  # which some senders leave out
            try:
                pair = base64.b64decode(value + padding, validate=True)
            except ValueError:  # no base64, or not ASCII
                return None
            return self._find(pair, BASIC_CREDENTIALS)
        return None

    def _find(self, candidate: bytes, variable: str) -> str | None:
        # Settings drop blanks around a secret, so a sender may have them.
        candidate = candidate.strip()
        # Compare all of them, so that the response time does not reveal a match.
        accepted = self._accepted.get(variable, [])
        names = [name for secret, name in accepted if _equal(candidate, secret)]
        return names[0] if names else None

    def _refusal(self) -> NotAuthenticated:
        text = (
            "No accepted credential: check the API key, or the user and password, of this webhook"
            " in CMC."
        )
        if self._accepted.get(API_KEYS):
            text += " A large body needs the API key in the Authorization header."
        if MAIL_KEYS in self._accepted:
            text += " SendGrid sends MailKey and MailSecret in the URL."
        return NotAuthenticated(text)


def _encodings(secret: str) -> set[bytes]:
    """Return *secret* in UTF-8, and in ISO-8859-1, in which some clients send BASIC."""
    encoded = {secret.encode()}
    with contextlib.suppress(UnicodeEncodeError):
        encoded.add(secret.encode("latin-1"))
    return encoded


def _equal(one: bytes, other: bytes) -> bool:
    """Compare two secrets in constant time. Secrets are compared nowhere else."""
    return hmac.compare_digest(hashlib.sha256(one).digest(), hashlib.sha256(other).digest())
