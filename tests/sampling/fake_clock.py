"""Time that passes only when somebody waits for it."""

from __future__ import annotations

from threading import Event, Lock

from trimpi.sampling.endpoint import Clock


class FakeClock:
    """`waits` are the seconds that were waited, in order."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.waits: list[float] = []
        self._lock = Lock()

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.time, wall=lambda: self.time, wait=self._wait)

    def _wait(self, stop: Event, seconds: float) -> None:
        with self._lock:
            if not stop.is_set():
                self.waits.append(seconds)
                self.time += seconds
