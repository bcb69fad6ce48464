"""Whether several answers under the policy agree with the one that a request was written with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from trimpi.rewards.response import read_response
from trimpi.rewards.texts import plain
from trimpi.synth.writing import quote
from trimpi.types import Completion, Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """How often which answer was given, how many of them are right by the reward, and the first right reasoning."""

    votes: Mapping[str, int]
    samples: int
    right: int
    reasoning: str | None

    def agrees(self, share: float) -> bool:
        """Whether at least this share of all samples is right."""
        return self.right >= share * self.samples - 1e-9


def count_votes(
    completions: Sequence[Completion], score: Callable[[Completion], Score], usable: Callable[[str], bool]
) -> Vote:
    """The vote on one request; `usable` says which reasoning could be a row's."""
    spoken: dict[str, str] = {}
    votes: Counter[str] = Counter()
    right, reasonings = 0, []
    for completion in completions:
        scored = score(completion)
        answer = scored.extracted or f"({scored.outcome})"
        votes[spoken.setdefault(plain(answer), quote(answer))] += 1
        if scored.outcome == "correct":
            right += 1
            reasonings.append(read_response(completion.text).reasoning)
    reasoning = next((text for text in reasonings if text and usable(text)), None)
    return Vote(votes=dict(votes), samples=len(completions), right=right, reasoning=reasoning)
