"""Chains of thought that a generator wrote, and the account of those that could not be used. Torch-free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from trimpi.cot.store import CotRecord
from trimpi.types import Completion, Example

ControlTokenIn = Callable[[str], str | None]
"""The first control token of the model that is to learn a text, which could not be rendered; see `Renderer`."""

CONTROL_TOKEN = "control_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledCots:
    """One chain of thought for every example that got a good one; what became of all completions, by outcome."""

    records: tuple[CotRecord, ...]
    examples: int
    outcomes: Mapping[str, int]

    @property
    def dropped(self) -> int:
        """Examples without a chain of thought."""
        return self.examples - len(self.records)


def first_good(
    examples: Sequence[Example],
    sampled: Sequence[Sequence[Completion]],
    judge: Callable[[Example, Completion], tuple[str, str, str]],
    *,
    good: Collection[str],
    control_token_in: ControlTokenIn,
) -> SampledCots:
    """Keep each example's first completion whose outcome is among `good`, and count every one.

    `judge` gives a completion's outcome, its reasoning and the answer to learn with it. Texts that hold a control token
    count as "control_token".
    """
    outcomes: Counter[str] = Counter()
    records = []
    for example, completions in zip(examples, sampled, strict=True):
        judged = [judge(example, completion) for completion in completions]
        judged = [
            (CONTROL_TOKEN if outcome in good and control_token_in(reasoning + answer) else outcome, reasoning, answer)
            for outcome, reasoning, answer in judged
        ]
        outcomes.update(outcome for outcome, _, _ in judged)
        kept = [(reasoning, answer) for outcome, reasoning, answer in judged if outcome in good]
        records += [CotRecord(id=example.id, cot=reasoning, answer=answer) for reasoning, answer in kept[:1]]
    return SampledCots(records=tuple(records), examples=len(examples), outcomes=dict(outcomes))


def merge_cots(parts: Iterable[SampledCots]) -> SampledCots:
    """Parts of one set of examples as one."""
    merged = list(parts)
    outcomes: Counter[str] = Counter()
    for part in merged:
        outcomes.update(part.outcomes)
    return SampledCots(
        records=tuple(record for part in merged for record in part.records),
        examples=sum(part.examples for part in merged),
        outcomes=dict(outcomes),
    )
