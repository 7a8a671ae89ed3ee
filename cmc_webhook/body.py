"""Reads a request body with a size limit, and detects a truncated one."""

from typing import IO

from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from cmc_webhook.errors import BodyIncomplete, BodyTooLarge

_PIECE = 64 * 1024
_TRUNCATED = "The body is truncated; post it again."


def read_body(stream: IO[bytes], declared: int | None, largest: int, most_kept: int) -> bytes:
    """Return the body; nothing if it is over *most_kept* bytes: then it is read but not kept.

    *declared* is the Content-Length, None if the body is chunked. Raises BodyTooLarge
    over *largest* bytes, having read that much (a sender that is cut off earlier sees no
    answer), and BodyIncomplete if the body is truncated.
    """
    pieces: list[bytes] = []
    length = 0
    try:
        while piece := stream.read(_PIECE):
            length += len(piece)
            if length > largest:
                raise BodyTooLarge(f"The body is over {largest} bytes.")
            if length > most_kept:
                pieces.clear()
            else:
                pieces.append(piece)
    except (OSError, ParseException, ClientDisconnected) as error:
        raise BodyIncomplete(_TRUNCATED) from error
    if declared is not None and length < declared:
        raise BodyIncomplete(_TRUNCATED)
    return b"".join(pieces)
