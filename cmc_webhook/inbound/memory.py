"""Gives memory back: a mail of 30 MB is in several large blocks, each freed after the post."""

import ctypes
import gc

_M_MMAP_THRESHOLD = -3
_LARGE = 1024 * 1024


def return_large_blocks() -> None:
    """
    Make each block over 1 MiB go back to the system as soon as it is freed.

    Once a large block was freed, glibc keeps those of its size for later, per thread,
    unless the threshold is set. Does nothing with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)


def free_cycles() -> None:
    """
    Free what only cycles refer to.

    Google's clients keep the errors of all tries in a list, from a frame that their
    tracebacks refer to, and so the contents that could not be uploaded.
    """
    gc.collect()
