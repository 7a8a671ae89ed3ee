"""Whether work grows as its input or faster: measured in the time of its own thread."""

import gc
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_ATTEMPTS = 10


def assert_linear(work: Callable[[T], object], make: Callable[[int], T], size: int) -> None:
    """
    Fail if four times the input takes more than eight times the work, at each of ten attempts.

    *make* returns the input of a size; a quadratic work would take sixteen times as much. What else
    runs on the machine lengthens a measurement at random, and the garbage collector by the size of
    everything that the process holds: so one attempt may be wrong, and the collector is off.
    """
    small, large = make(size), make(4 * size)
    collected = gc.isenabled()
    gc.disable()
    try:
        seen = []
        for _ in range(_ATTEMPTS):
            seen.append((_seconds(work, small), _seconds(work, large)))
            if seen[-1][1] < 8 * seen[-1][0] + 0.05:
                return
    finally:
        if collected:
            gc.enable()
    raise AssertionError("; ".join(f"{few:.3f} s, times four: {many:.3f} s" for few, many in seen))


def _seconds(work: Callable[[T], object], value: T) -> float:
    times = []
    for _ in range(3):
        started = time.thread_time()
        work(value)
        times.append(time.thread_time() - started)
    return min(times)
