"""Whether work grows as its input or faster: measured in the process's own time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def assert_linear(work: Callable[[T], object], make: Callable[[int], T], size: int) -> None:
    """
    Fail if four times the input takes more than eight times the work; twice is noise.

    *make* returns the input of a size; a quadratic work would take sixteen times as much.
    """
    small, large = (_seconds(work, make(n)) for n in (size, 4 * size))
    assert large < 8 * small + 0.05, f"{small:.3f} s, of four times the size {large:.3f} s"


def _seconds(work: Callable[[T], object], value: T) -> float:
    times = []
    for _ in range(3):
        started = time.process_time()
        work(value)
        times.append(time.process_time() - started)
    return min(times)
