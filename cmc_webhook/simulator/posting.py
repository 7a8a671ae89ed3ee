"""Posts over HTTP, as CMC's client sends them, and what is answered."""

import base64
import http.client
import ipaddress
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

_TIMEOUT_S = 60
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
# What CMC's client is documented to send.
_HEADERS = {
    "User-Agent": "Apache-HttpClient/4.4.1 (Java/1.7.0_80)",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "Keep-Alive",
}


@dataclass(frozen=True, slots=True)
class Credential:
    """What proves that a post is CMC's: a header, or a key in the body; empty for none."""

    authorization: str = ""
    api_key: str = ""


def bearer(key: str) -> Credential:
    """Return the key as CMC sends it in the header."""
    return Credential(authorization=f"Bearer {key}")


def basic(pair: str) -> Credential:
    """Return ``user:password`` as CMC sends it."""
    return Credential(authorization=f"Basic {base64.b64encode(pair.encode()).decode()}")


@dataclass(frozen=True, slots=True)
class Message:
    """One request: its body, and how it is sent; *cut* breaks the connection in the body."""

    body: bytes
    content_type: str
    authorization: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status or why there is none, the counts of a 200, and how long it took."""

    text: str
    seconds: float
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether the function has promised that all is kept."""
        return self.text.startswith("2")


class Target:
    """The URL to which is posted."""

    def __init__(self, url: str) -> None:
        self._parts = parse_url(url)

    def post(self, message: Message) -> Answer:
        """Send *message* on a connection of its own; a failure is an answer too."""
        started = time.monotonic()
        try:
            text, counts = self._exchange(message)
        except (OSError, http.client.HTTPException) as error:
            text, counts = f"no answer: {error or type(error).__name__}", {}
        return Answer(text, time.monotonic() - started, counts)

    def _exchange(self, message: Message) -> tuple[str, Mapping[str, int]]:
        connection = self._connection()
        try:
            connection.putrequest("POST", self._path(), skip_accept_encoding=True)
            for name, value in self._headers(message).items():
                connection.putheader(name, value)
            if message.cut:
                connection.endheaders(message.body[: len(message.body) // 2])
                return "cut", {}
            connection.endheaders(message.body)
            response = connection.getresponse()
            return str(response.status), _counts(response.status, response.read())
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        secure = self._parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        return kind(self._parts.hostname or "", self._parts.port, timeout=_TIMEOUT_S)

    def _path(self) -> str:
        query = f"?{self._parts.query}" if self._parts.query else ""
        return (self._parts.path or "/") + query

    def _headers(self, message: Message) -> dict[str, str]:
        headers = _HEADERS | {
            "Content-Type": message.content_type,
            "Content-Length": str(len(message.body)),
        }
        proof = {"Authorization": message.authorization} if message.authorization else {}
        return headers | proof


class Pace:
    """Lets so many events a second through, for all threads together; 0 for any number."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._lock = threading.Lock()
        self._next = time.monotonic()
        self.stopped = threading.Event()

    def wait(self, events: int) -> None:
        """Return when *events* more may be sent, or nothing is to be sent any more."""
        if not self._rate:
            return
        with self._lock:
            due = max(self._next, time.monotonic())
            self._next = due + events / self._rate
        self.stopped.wait(max(0.0, due - time.monotonic()))


def deliver(
    target: Target, messages: Iterable[tuple[Message, int]], *, pace: Pace, senders: int
) -> Iterator[Answer]:
    """Post each message, with its number of events, by so many *senders*; answers in order."""

    def send(message: Message, events: int) -> Answer:
        pace.wait(events)
        return Answer("not sent", 0.0) if pace.stopped.is_set() else target.post(message)

    with ThreadPoolExecutor(senders) as pool:
        try:
            yield from pool.map(lambda each: send(*each), messages)
        finally:
            pace.stopped.set()  # whoever waits for his turn has waited long enough


def parse_url(url: str) -> SplitResult:
    """Return the parts of *url*, or raise ValueError if nothing can be posted to it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no http or https URL.")
    if parts.username is not None:
        raise ValueError("Give user and password with --basic, not in the URL.")
    _ = parts.port  # raises ValueError for a port that is none
    return parts


def saved_message(body: Any, credential: Credential) -> Message:
    """Return the request for a saved *body*: an object, or bytes that are posted as they are."""
    if isinstance(body, bytes):
        content_type = JSON if body.lstrip().startswith(b"{") else FORM
        return Message(body, content_type, credential.authorization)
    key = {"api_key": credential.api_key} if credential.api_key else {}
    return Message(json.dumps(body | key).encode(), JSON, credential.authorization)


def without_query(url: str) -> str:
    """Return *url* as it may be shown: SendGrid's secret stands in the query."""
    return parse_url(url)._replace(query="", fragment="").geturl()


def is_loopback(url: str) -> bool:
    """Whether *url* is on this machine."""
    host = parse_url(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _counts(status: int, body: bytes) -> Mapping[str, int]:
    if status != http.client.OK:
        return {}
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
