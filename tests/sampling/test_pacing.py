from __future__ import annotations

import threading

import pytest

from sampling.fake_clock import FakeClock
from trimpi.sampling.endpoint.pacing import Pace, retry_after, retry_delay


@pytest.mark.parametrize(
    ("attempt", "draw", "seconds"), [(0, 0.0, 0.5), (0, 1.0, 1.0), (3, 0.5, 6.0), (6, 0.0, 30.0), (10_000, 1.0, 60.0)]
)
def test_delays_double_up_to_a_minute_and_are_spread_over_their_upper_half(
    attempt: int, draw: float, seconds: float
) -> None:
    assert retry_delay(attempt, retry_after=None, draw=draw) == seconds


def test_what_the_server_asks_for_counts_whatever_the_attempt() -> None:
    assert retry_delay(5, retry_after=2.0, draw=0.25) == 2.25


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:20:00 GMT", 200.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(given: str | None, seconds: float | None) -> None:
    assert retry_after({} if given is None else {"retry-after": given}, wall=1000.0) == seconds


def test_turns_are_evenly_spaced_and_a_hold_moves_them() -> None:
    clock = FakeClock()
    pace, stop = Pace(60, clock.clock), threading.Event()
    times = []
    for hold in (0.0, 0.0, 5.0, 0.0):
        pace.hold(hold)
        pace.wait_for_turn(stop)
        times.append(clock.time - 1000.0)
    assert times == [0.0, 1.0, 6.0, 7.0]


def test_nobody_waits_once_all_is_to_stop() -> None:
    clock = FakeClock()
    stop = threading.Event()
    stop.set()
    pace = Pace(1, clock.clock)
    for _ in range(3):
        pace.wait_for_turn(stop)
    assert clock.waits == []
