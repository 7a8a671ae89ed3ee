"""Sends HTTP posts as CMC's client does, and returns the answers."""

import base64
import http.client
import ipaddress
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

_TIMEOUT_S = 60
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
# Documented for CMC's client.
_HEADERS = {
    "User-Agent": "Apache-HttpClient/4.4.1 (Java/1.7.0_80)",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "Keep-Alive",
}


class Credential(NamedTuple):
    """The credential of a post: a header, or a key in the body; empty for none."""

    authorization: str = ""
    api_key: str = ""


def bearer(key: str) -> Credential:
    return Credential(authorization=f"Bearer {key}")


def basic(pair: str) -> Credential:
    """Return the credential of ``user:password``."""
    return Credential(authorization=f"Basic {base64.b64encode(pair.encode()).decode()}")


class Message(NamedTuple):
    """One request, and the number of its events."""

    body: bytes
    content_type: str
    authorization: str = ""
    events: int = 1


class Answer(NamedTuple):
    """An answer; *text* is its HTTP status or why there is none, *counts* are those of a 200."""

    text: str
    seconds: float
    counts: Mapping[str, int] = {}

    @property
    def accepted(self) -> bool:
        """Whether the function has confirmed that every record is stored."""
        return self.text.startswith("2")


def post(url: str, message: Message) -> Answer:
    """Send *message* over a new connection; a failure is an Answer too. Raises ValueError."""
    parts = parse_url(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = _HEADERS | {
        "Content-Type": message.content_type,
        "Content-Length": str(len(message.body)),
    }
    if message.authorization:
        headers["Authorization"] = message.authorization
    started = time.monotonic()
    try:
        with closing(kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)) as connection:
            connection.putrequest("POST", path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(message.body)
            response = connection.getresponse()
            text, counts = str(response.status), _counts(response.status, response.read())
    except (OSError, http.client.HTTPException) as error:
        text, counts = f"no answer: {error or type(error).__name__}", {}
    return Answer(text, time.monotonic() - started, counts)


class Pace:
    """Rate limit in events per second, shared by all threads; 0 for no limit."""

    def __init__(self, rate: float) -> None:
        self._event_s = 1 / rate if rate else 0.0
        self._lock = threading.Lock()
        self._next = time.monotonic()
        self.stopped = threading.Event()

    def wait(self, events: int) -> None:
        """Return when *events* more may be sent, or at once if sending was stopped."""
        with self._lock:
            due = max(self._next, time.monotonic())
            self._next = due + events * self._event_s
        self.stopped.wait(max(0.0, due - time.monotonic()))


def deliver(url: str, messages: Iterable[Message], *, pace: Pace, senders: int) -> Iterator[Answer]:
    """Post *messages*, *senders* at a time; yield the answers in order."""

    def send(message: Message) -> Answer:
        pace.wait(message.events)
        return Answer("not sent", 0.0) if pace.stopped.is_set() else post(url, message)

    with ThreadPoolExecutor(senders) as pool:
        try:
            yield from pool.map(send, messages)
        finally:
            pace.stopped.set()  # the threads that wait in Pace return at once


def parse_url(url: str) -> SplitResult:
    """Return the parts of *url*. Raises ValueError if nothing can be posted to it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an http or https URL.")
    if parts.username is not None:
        raise ValueError("Give user and password with --basic, not in the URL.")
    _ = parts.port  # raises ValueError for an invalid port
    return parts


def saved_message(body: Any, credential: Credential) -> Message:
    """Return the request for a saved *body*: a JSON object, or bytes that are posted unchanged."""
    if isinstance(body, bytes):
        content_type = JSON if body.lstrip().startswith(b"{") else FORM
        return Message(body, content_type, credential.authorization)
    key = {"api_key": credential.api_key} if credential.api_key else {}
    return Message(json.dumps(body | key).encode(), JSON, credential.authorization)


def without_query(url: str) -> str:
    """Return *url* without its query, which may hold SendGrid's secret, to show it."""
    return parse_url(url)._replace(query="", fragment="").geturl()


def is_loopback(url: str) -> bool:
    host = parse_url(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _counts(status: int, body: bytes) -> Mapping[str, int]:
    with suppress(ValueError):
        if status == http.client.OK and isinstance(answer := json.loads(body), dict):
            return answer
    return {}
