from __future__ import annotations

import pytest

from trimpi.evaluation.timing import Run, Timing, saving, take_turns


def scripted(name: str, seconds: list[float], order: list[str]) -> Run:
    """A run that takes these seconds in turn, a tenth of them until the first token."""
    left = iter(seconds)

    def run(new_tokens: int) -> Timing:
        order.append(name)
        total = next(left)
        return Timing(first_token=total / 10, total=total, cached_tokens=new_tokens)

    return run


def test_runs_take_turns_and_the_first_of_each_does_not_count() -> None:
    order: list[str] = []
    runs = {"a": scripted("a", [900, 10, 500, 20], order), "b": scripted("b", [1, 2, 3, 4], order)}
    ticks: list[None] = []
    rounds = take_turns(runs, 7, repeats=3, tick=lambda: ticks.append(None))
    assert order == ["a", "b", "b", "a", "a", "b", "b", "a"] and len(ticks) == 4, "none is always the first"
    assert [timing.total for timing in rounds["a"]] == [10, 500, 20]
    assert rounds["b"][0] == Timing(first_token=0.2, total=2, cached_tokens=7)


def test_rounds_beyond_the_repeats_end_when_they_have_taken_long_enough() -> None:
    def rounds_of(seconds: float) -> int:
        runs = {"a": scripted("a", [seconds] * 99, []), "b": scripted("b", [seconds] * 99, [])}
        return len(take_turns(runs, 1, repeats=2, most=10, tick=lambda: None)["a"])

    assert rounds_of(0.1) == 10, "2.2 seconds in all"
    assert rounds_of(2.0) == 4, "twenty seconds with the unmeasured round"
    assert rounds_of(60.0) == 2, "no fewer, however long they take"


def test_a_saving_is_told_from_noise_by_pairs_by_hand() -> None:
    # A machine that slows down tenfold in between: the halves are still halves.
    slow = [1.0, 1.2, 10.0, 12.0, 11.0, 1.1, 1.0]
    found = saving(slow, [2 * seconds for seconds in slow])
    assert (found.share, found.interval) == (0.5, (0.5, 0.5))
    assert saving([1.0, 3.0, 1.0], [2.0, 2.0, 2.0]).interval == (-0.5, 0.5), "of a few pairs, all of them"
    noisy = saving([9.0, 11.0] * 6, [10.0] * 12)
    assert noisy.interval == (pytest.approx(-0.1), pytest.approx(0.1))
