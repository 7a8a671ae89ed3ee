"""A request's body, read so that none is taken for whole that is not, and none fills the memory."""

from typing import Protocol

from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from cmc_webhook.errors import BodyIncomplete, BodyTooLarge

# 100 records, CMC's documented most, take half a megabyte at their longest.
LARGEST_BODY = 8 * 1024 * 1024
_PIECE = 64 * 1024


class Stream(Protocol):
    """Where the bytes come from."""

    def read(self, size: int, /) -> bytes: ...


def read_body(stream: Stream, declared: int | None, most: int) -> bytes | None:
    """
    Return the body, or None if it is whole but longer than *most* bytes, which are not held.

    *declared* is its Content-Length, None where it comes in chunks. Raise
    BodyTooLarge over LARGEST_BODY, having read that much, as a sender who is
    cut off earlier sees no answer; and BodyIncomplete if the sender goes away.
    """
    pieces: list[bytes] = []
    length = 0
    while piece := _read(stream):
        length += len(piece)
        if length > LARGEST_BODY:
            raise BodyTooLarge(
                f"The body is over {LARGEST_BODY} bytes; send fewer records in a post."
            )
        if length > most:
            pieces.clear()
        else:
            pieces.append(piece)
    if declared is not None and length < declared:
        raise _incomplete()
    return b"".join(pieces) if length <= most else None


def _read(stream: Stream) -> bytes:
    try:
        return stream.read(_PIECE)
    except (OSError, ParseException, ClientDisconnected) as error:
        raise _incomplete() from error


def _incomplete() -> BodyIncomplete:
    return BodyIncomplete("The body did not arrive whole; post it again.")
