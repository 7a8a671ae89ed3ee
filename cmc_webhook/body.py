"""A request's body, read so that none is taken for whole that is not, and none fills the memory."""

from collections.abc import Iterator
from typing import Protocol

from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from cmc_webhook.errors import BodyIncomplete, BodyTooLarge

_PIECE = 64 * 1024


class Stream(Protocol):
    """Where the bytes come from."""

    def read(self, size: int, /) -> bytes: ...


def read_body(stream: Stream, declared: int | None, largest: int) -> bytes:
    """
    Return the body, whose Content-Length is *declared*, None where it comes in chunks.

    Raise BodyTooLarge over *largest* bytes, having read that much, as a sender who is
    cut off earlier sees no answer; and BodyIncomplete if the sender goes away.
    """
    return b"".join(_pieces(stream, declared, largest))


def read_small_body(stream: Stream, declared: int | None, largest: int, most: int) -> bytes | None:
    """Do as read_body, but return None for a body over *most* bytes, which are not held."""
    pieces: list[bytes] = []
    length = 0
    for piece in _pieces(stream, declared, largest):
        length += len(piece)
        if length > most:
            pieces.clear()
        else:
            pieces.append(piece)
    return b"".join(pieces) if length <= most else None


def _pieces(stream: Stream, declared: int | None, largest: int) -> Iterator[bytes]:
    length = 0
    while piece := _read(stream):
        length += len(piece)
        if length > largest:
            raise BodyTooLarge(f"The body is over {largest} bytes.")
        yield piece
    if declared is not None and length < declared:
        raise _incomplete()


def _read(stream: Stream) -> bytes:
    try:
        return stream.read(_PIECE)
    except (OSError, ParseException, ClientDisconnected) as error:
        raise _incomplete() from error


def _incomplete() -> BodyIncomplete:
    return BodyIncomplete("The body did not arrive whole; post it again.")
