"""When requests start: not too many a minute, not before a busy server wants them, later after every failure."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from threading import Event, Lock

FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 60.0
"""Seconds."""


def _wait(stop: Event, seconds: float) -> None:
    stop.wait(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time, and waiting for it: `wait` returns after so many seconds or as soon as the event is set."""

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    wait: Callable[[Event, float], None] = _wait


class Pace:
    """Turns for the requests of several threads."""

    def __init__(self, requests_per_minute: float | None, clock: Clock) -> None:
        self._spacing = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._clock = clock
        self._lock = Lock()
        self._next_turn = -math.inf
        self._held_until = -math.inf

    def wait_for_turn(self, stop: Event) -> None:
        """Return when a request may start, or as soon as `stop` is set."""
        while not stop.is_set():
            with self._lock:
                now = self._clock.now()
                start = max(self._next_turn, self._held_until)
                if start <= now:
                    self._next_turn = now + self._spacing
                    return
            self._clock.wait(stop, start - now)

    def hold(self, seconds: float) -> None:
        """No request starts for so long."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock.now() + seconds)


def retry_delay(attempt: int, *, retry_after: float | None, draw: float) -> float:
    """Seconds before a request that failed `attempt` + 1 times is tried again; `draw` in [0, 1) spreads them.

    What the server asks for plus up to a second, else half to all of 1, 2, 4 ... 60 seconds.
    """
    if retry_after is not None:
        return retry_after + draw
    return min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(attempt, 30)) * (1 + draw) / 2


def retry_after(headers: Mapping[str, str], *, wall: float) -> float | None:
    """Seconds a response asks to wait (Retry-After: a number or a date; `wall` is now); None where it does not say."""
    given = headers.get("retry-after")
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        try:
            date = parsedate_to_datetime(given)
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - wall
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
