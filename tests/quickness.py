"""How long a call takes, whatever else its process and its machine do meanwhile."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")

TRIES = 5


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """What the call returned, and the seconds of this thread that it took.

    Neither other processes, nor other threads, nor a collection of what earlier tests left in memory count.
    """
    gc.disable()
    try:
        started = time.thread_time()
        result = call()
        return result, time.thread_time() - started
    finally:
        gc.enable()


def answered_within(seconds: float, call: Callable[[], T]) -> T:
    """What the call returned; the test fails if none of a few tries was quick enough."""
    taken = []
    for _ in range(TRIES):
        result, took = timed(call)
        if took < seconds:
            return result
        taken.append(took)
    pytest.fail(f"each of {TRIES} tries took at least {min(taken):.3f} s, over {seconds} s")
