from __future__ import annotations

from collections.abc import Callable

import torch
from benchmarks.timing import Ticker, take_turns, timed


def contestant(name: str, seconds: list[float], log: list[str]) -> Callable[[], float]:
    left = iter(seconds)

    def run() -> float:
        log.append(name)
        return next(left)

    return run


def test_contestants_take_turns_and_their_first_runs_do_not_count() -> None:
    log: list[str] = []
    runs = take_turns(
        {"a": contestant("a", [9, 1, 2], log), "b": contestant("b", [9, 3, 4], log)},
        repeats=2,
        tick=lambda: None,
        patience=10,
    )
    assert log == ["a", "b", "a", "b", "a", "b"]
    assert runs == {"a": [1, 2], "b": [3, 4]}


def test_a_long_first_run_counts_and_is_the_only_one() -> None:
    log: list[str] = []
    runs = take_turns(
        {"a": contestant("a", [1, 2, 3], log), "b": contestant("b", [11], log)},
        repeats=2,
        tick=lambda: None,
        patience=10,
    )
    assert runs == {"a": [2, 3], "b": [11]}


def test_a_contestant_drops_out_when_its_runs_have_taken_long_enough() -> None:
    runs = take_turns({"a": contestant("a", [6, 6, 6], [])}, repeats=5, tick=lambda: None, patience=10)
    assert runs == {"a": [6, 6]}


def test_progress_reaches_its_end_though_runs_are_saved() -> None:
    seen: list[tuple[int, int]] = []
    ticker = Ticker(lambda done, total: seen.append((done, total)), 3)
    take_turns({"a": contestant("a", [11], [])}, repeats=2, tick=ticker, patience=10)
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_the_clock_runs_while_the_work_is_done() -> None:
    times = iter([5.0, 7.5])
    done: list[int] = []
    assert timed(lambda: done.append(1), torch.device("cpu"), clock=lambda: next(times))() == 2.5
    assert done == [1]
