"""Contestants timed in turns, so that a slow spell of the machine hits all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

PATIENCE = 5.0
"""Seconds. A first run that takes longer needs no warm-up: it counts, and is the only one."""

Contestant = Callable[[], float]
"""Does its work once; returns the seconds it took."""
Runs = list[float]
Tick = Callable[[], None]


def timed(
    work: Callable[[], Any], device: torch.device, *, clock: Callable[[], float] = time.perf_counter
) -> Contestant:
    """`work` as a contestant; its device has finished when the clock is stopped."""

    def run() -> float:
        synchronise(device)
        start = clock()
        work()
        synchronise(device)
        return clock() - start

    return run


def synchronise(device: torch.device) -> None:
    """Wait for what the device has been told to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def take_turns(
    contestants: Mapping[str, Contestant], *, repeats: int, tick: Tick, patience: float = PATIENCE
) -> dict[str, Runs]:
    """Seconds of every contestant's measured runs: one unmeasured run each, then up to `repeats` rounds of them all.

    A contestant drops out once its measured runs have taken `patience` seconds together. `tick` is called
    1 + repeats times for each, also for runs that are saved.
    """
    measured: dict[str, Runs] = {}
    for name, run in contestants.items():
        seconds = run()
        measured[name] = [seconds] if seconds > patience else []
        tick()
    for _ in range(repeats):
        for name, run in contestants.items():
            if sum(measured[name]) <= patience:
                measured[name].append(run())
            tick()
    return measured


class Ticker:
    """Counts runs for a progress bar: (done, total)."""

    def __init__(self, progress: Callable[[int, int], None], total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        progress(0, total)

    def __call__(self, runs: int = 1) -> None:
        self._done += runs
        self._progress(min(self._done, self._total), self._total)
