"""Two models on the same questions: what one got right and the other did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from trimpi.evaluation.results import ExampleRecord
from trimpi.interval import mcnemar


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """How many of `n` questions only the first, only the second, both or neither answered right.

    `p` is McNemar's. `difference` is the second's accuracy minus the first's, in [-1, 1], with its 95 % interval.
    """

    n: int
    both: int
    neither: int
    only_first: int
    only_second: int

    @property
    def difference(self) -> float:
        return (self.only_second - self.only_first) / self.n

    @property
    def interval(self) -> tuple[float, float]:
        return difference_interval(self.only_first, self.only_second, self.n)

    @property
    def p(self) -> float:
        return mcnemar(self.only_first, self.only_second)


def difference_interval(only_first: int, only_second: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a paired difference of proportions, in [-1, 1]: Wald's with half a question in each cell more.

    Agresti and Min (2005): sound with few questions, and of some width where the models never differ.
    """
    if not 0 <= only_first + only_second <= n or n == 0:
        raise ValueError(f"{only_first} and {only_second} of {n} questions cannot be")
    first, second, total = only_first + 0.5, only_second + 0.5, n + 2
    difference = (second - first) / total
    error = sqrt(first + second - (second - first) ** 2 / total) / total
    margin = NormalDist().inv_cdf(0.5 + confidence / 2) * error
    return max(-1.0, difference - margin), min(1.0, difference + margin)


def paired_difference(first: Sequence[ExampleRecord], second: Sequence[ExampleRecord]) -> PairedDifference | None:
    """The difference of two models' records; None unless they answered the same questions.

    Questions are the same when id, request and gold answer are; their order does not matter.
    """
    ours = {question(record): record.outcome == "correct" for record in first}
    theirs = {question(record): record.outcome == "correct" for record in second}
    if not ours or ours.keys() != theirs.keys():
        return None
    pairs = [(right, theirs[question]) for question, right in ours.items()]
    return PairedDifference(
        n=len(pairs),
        both=pairs.count((True, True)),
        neither=pairs.count((False, False)),
        only_first=pairs.count((True, False)),
        only_second=pairs.count((False, True)),
    )


def question(record: ExampleRecord) -> tuple[str, str, str]:
    """What makes two records' questions the same one."""
    return record.id, record.request, record.gold
