"""How often questions of each kind are answered right: by what a suite tagged them with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimpi.evaluation.results import ExampleRecord
from trimpi.interval import wilson_interval
from trimpi.reporting.run_directory import RunRecord
from trimpi.reporting.wording import words

MOST_BARS = 60
"""Kinds of questions with a bar of their own in one suite."""

Kind = tuple[tuple[str, str], ...]
"""The tags of a question, as they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How many of a kind of questions one model was asked and got right; its rate is in [0, 1]."""

    model: str
    n: int
    correct: int

    @property
    def rate(self) -> float:
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(self.correct, self.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarGroup:
    """One kind of questions, with a bar per model that was asked any."""

    label: str
    tags: Mapping[str, str]
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagBars:
    """The kinds of one suite in the order in which it asks them; `left_out` kinds are beyond MOST_BARS."""

    suite: str
    groups: Sequence[BarGroup]
    left_out: int


def tag_bars(run: RunRecord) -> list[TagBars]:
    """The base and the latest model, in every suite that tags its questions."""
    found = []
    for suite in run.suites:
        models = [
            (run.model_name(evaluation), _counts(evaluation.records(suite)))
            for evaluation in run.compared
            if suite in evaluation.suites
        ]
        kinds = list(dict.fromkeys(kind for _, (asked, _) in models for kind in asked))
        groups = [_group(kind, models) for kind in kinds[:MOST_BARS]]
        if groups:
            found.append(TagBars(suite=suite, groups=groups, left_out=max(0, len(kinds) - MOST_BARS)))
    return found


def _counts(records: Sequence[ExampleRecord]) -> tuple[Counter[Kind], Counter[Kind]]:
    """How many records of each kind there are, and how many of them are right; those without tags are of no kind."""
    asked: Counter[Kind] = Counter()
    right: Counter[Kind] = Counter()
    for record in records:
        if record.tags:
            kind = tuple(record.tags.items())
            asked[kind] += 1
            right[kind] += record.outcome == "correct"
    return asked, right


def _group(kind: Kind, models: Sequence[tuple[str, tuple[Counter[Kind], Counter[Kind]]]]) -> BarGroup:
    return BarGroup(
        label=", ".join(f"{words(tag)}: {words(value)}" for tag, value in kind) if len(kind) > 1 else words(kind[0][1]),
        tags=dict(kind),
        bars=[Bar(model=name, n=asked[kind], correct=right[kind]) for name, (asked, right) in models if asked[kind]],
    )
