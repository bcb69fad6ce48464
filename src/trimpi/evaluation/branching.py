"""Branching error: which sections reasoning cites, against gold chains of thought (paper, Errors). Torch-free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain


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
