from __future__ import annotations

from trimpi.evaluation.timing import Run, Timing, take_turns


def scripted(name: str, seconds: list[float], order: list[str]) -> Run:
    """A run that takes these seconds in turn, a tenth of them until the first token."""
    left = iter(seconds)

    def run() -> Timing:
        order.append(name)
        total = next(left)
        return Timing(first_token=total / 10, total=total, cached_tokens=7)

    return run


def test_runs_take_turns_and_the_first_of_each_does_not_count() -> None:
    order: list[str] = []
    runs = {"a": scripted("a", [900, 10, 500, 20], order), "b": scripted("b", [1, 2, 3, 4], order)}
    ticks: list[None] = []
    medians = take_turns(runs, repeats=3, tick=lambda: ticks.append(None))
    assert order == ["a", "b"] * 4 and len(ticks) == 8
    assert medians == {
        "a": Timing(first_token=2, total=20, cached_tokens=7),
        "b": Timing(first_token=0.3, total=3, cached_tokens=7),
    }
