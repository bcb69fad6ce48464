"""Branching error: which sections reasoning cites, against gold chains of thought (paper, Errors). Torch-free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any

from trimpi.evaluation.derived import Derivation, completion_of, judge_gold
from trimpi.evaluation.question import SuiteSource
from trimpi.evaluation.results import ExampleRecord
from trimpi.types import Outcome

PATH = " > "
"""Between the sections of a path, in records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchingError:
    """How often each section is cited over a set of responses.

    `cited` and `gold` count every existing section, in the policy's order; `nonexistent` counts what is cited besides.
    `mean_absolute_difference` is the mean over the existing sections of |cited - gold|: it grows with the number of
    responses, so only figures over equally many compare.
    """

    responses: int
    cited: Mapping[str, int]
    gold: Mapping[str, int]
    nonexistent: Mapping[str, int]
    mean_absolute_difference: float


def branching_error(
    cited: Sequence[Sequence[str]], gold: Sequence[Sequence[str]], existing: Collection[str]
) -> BranchingError:
    """The distribution of cited section ids against the gold ones'; the i-th of both are of the same request.

    `existing` are the ids the policy has; for several policies together give the ids that any of them has. Raises
    ValueError when `cited` and `gold` differ in length, and for a gold id that does not exist.
    """
    if len(cited) != len(gold):
        raise ValueError(f"{len(cited)} chains of citations and {len(gold)} gold ones: give as many of both")
    sections = dict.fromkeys(existing)
    cited_counts, gold_counts = Counter(chain.from_iterable(cited)), Counter(chain.from_iterable(gold))
    unknown = [section for section in gold_counts if section not in sections]
    if unknown:
        raise ValueError(f"gold chains cite {', '.join(unknown)}, which is not among the existing sections")
    differences = [abs(cited_counts[section] - gold_counts[section]) for section in sections]
    return BranchingError(
        responses=len(cited),
        cited={section: cited_counts[section] for section in sections},
        gold={section: gold_counts[section] for section in sections},
        nonexistent={section: cited_counts[section] for section in sorted(cited_counts) if section not in sections},
        mean_absolute_difference=sum(differences) / len(differences) if differences else 0.0,
    )


def branching(source: SuiteSource, records: Sequence[ExampleRecord]) -> Derivation:
    """The sections that the records of `accuracy` cite, against those of the gold chains of the same requests.

    A record is "correct" when it cites the gold sections in their order; `extracted` and `gold` are the two paths.
    Without a citation it is "no_answer". Where the gold chain cites nothing there is no record, only a count. `details`
    hold the branching error of all answers, these too, and of each policy's.
    """
    examples = {example.id: example for example in source.requests}
    cited, gold = [], []
    for record in records:
        example = examples[record.id]
        judgement, gold_judgement = source.task.judge(example, completion_of(record)), judge_gold(source.task, example)
        cited.append(judgement.cited if judgement else ())
        gold.append(gold_judgement.cited if gold_judgement else ())
    return Derivation(
        records=[_record(record, *paths) for record, *paths in zip(records, cited, gold, strict=True) if paths[1]],
        details={
            "nothing_to_cite": sum(not path for path in gold),
            **_details(source, [record.policy for record in records], cited, gold),
        },
    )


def _record(record: ExampleRecord, cited: Sequence[str], gold: Sequence[str]) -> ExampleRecord:
    outcome: Outcome = "correct" if cited == gold else "wrong" if cited else "no_answer"
    if outcome != "correct" and record.outcome == "truncated":
        outcome = "truncated"
    return replace(
        record,
        extracted=PATH.join(cited) or None,
        gold=PATH.join(gold),
        value=float(outcome == "correct"),
        outcome=outcome,
        reason="cites the gold sections" if outcome == "correct" else f"expected {PATH.join(gold)}",
        parts={},
        error=None,
    )


def _details(
    source: SuiteSource, policies: Sequence[str], cited: Sequence[Sequence[str]], gold: Sequence[Sequence[str]]
) -> Mapping[str, Any]:
    names = list(dict.fromkeys(policies))
    existing = {name: source.task.section_ids(name) for name in names}
    per_policy = {}
    for name in names:
        of_policy = [number for number, policy in enumerate(policies) if policy == name]
        per_policy[name] = _as_data(
            branching_error([cited[at] for at in of_policy], [gold[at] for at in of_policy], existing[name])
        )
    together = dict.fromkeys(chain.from_iterable(existing.values()))
    return {**_as_data(branching_error(cited, gold, together)), "per_policy": per_policy}


def _as_data(error: BranchingError) -> dict[str, Any]:
    """With the mean absolute difference for a hundred responses, which compares between numbers of responses."""
    per_hundred = 100 * error.mean_absolute_difference / error.responses if error.responses else 0.0
    return {**asdict(error), "mean_absolute_difference_per_100": per_hundred}
