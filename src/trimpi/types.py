"""The nouns every module shares. Torch-free; images are paths until the renderer opens them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
Split = Literal["train", "test"]
Outcome = Literal["correct", "wrong", "no_answer", "truncated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePart:
    """An image inside a message or a policy, by path."""

    path: Path


Part = str | ImagePart


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One chat turn: text and images in reading order."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def images(self) -> tuple[Path, ...]:
        return tuple(part.path for part in self.parts if isinstance(part, ImagePart))


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One request under one policy, with its gold answer.

    `cot` is the gold chain of thought without tags; `meta` is whatever the task wants to keep beside the records. Its
    "sections", if there, are the ids of the policy's sections or rules that decide the answer.
    """

    id: str
    policy_name: str
    prompt: str
    images: tuple[Path, ...]
    answer: str
    cot: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What the model wrote. `token_ids` ends with the end-of-turn token unless `truncated`."""

    text: str
    token_ids: tuple[int, ...]
    sampling_logprobs: tuple[float, ...] | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How one completion did: `value` in [0, 1], what was read as the answer, and why it scored so.

    `parts` are what the value is made of, by name, each in [0, 1]; `error` is the kind of what went wrong. Tasks that
    have no more to say than right or wrong leave both out.
    """

    value: float
    extracted: str | None
    outcome: Outcome
    reason: str
    parts: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A completion with its reward, and whether the policy was in the prompt it was sampled from."""

    completion: Completion
    policy_aware: bool
    reward: float
    rewards: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutGroup:
    """The rollouts of one example: normalised together, never cut."""

    example_id: str
    rollouts: Sequence[Rollout]
