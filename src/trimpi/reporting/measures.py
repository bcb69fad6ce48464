"""The numbers that tables show of a suite: its accuracy and the parts of its score, each with its interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trimpi.evaluation.results import SuiteResult
from trimpi.reporting.wording import MISSING, interval, percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A rate or a mean in [0, 1] with its 95 % interval; None where the numbers give no interval."""

    value: float
    bounds: tuple[float, float] | None


def accuracy_measure(result: SuiteResult | None) -> Measure | None:
    return None if result is None else Measure(value=result.accuracy, bounds=result.interval)


def part_measure(result: SuiteResult | None, part: str) -> Measure | None:
    """The mean of a part; None for a suite that was not run or does not have the part."""
    mean = None if result is None else result.parts.get(part)
    return None if mean is None else Measure(value=mean.mean, bounds=mean.interval)


def part_names(results: Iterable[SuiteResult | None]) -> list[str]:
    """The parts that any of the results has, in their order."""
    return list(dict.fromkeys(name for result in results if result is not None for name in result.parts))


def on_two_lines(measure: Measure | None) -> str:
    """The value above its interval, for a narrow column."""
    if measure is None:
        return MISSING
    return f"{percent(measure.value)}\n{_bounds(measure)}"


def on_one_line(measure: Measure | None) -> str:
    return MISSING if measure is None else f"{percent(measure.value)} ({_bounds(measure)})"


def _bounds(measure: Measure) -> str:
    return MISSING if measure.bounds is None else interval(measure.bounds)
