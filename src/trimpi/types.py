"""The nouns every module shares. Torch-free; images are paths until the renderer opens them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
Split = Literal["train", "test"]
Outcome = Literal["correct", "wrong", "no_answer", "truncated"]
Verdict = Literal["right", "wrong", "unread"]
ReasoningError = Literal["perception", "recall", "branching", "format"]
"""What can be wrong with a step of reasoning: what it sees, what it quotes, where it goes, how it is written."""


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

    `prompt` and `images` are the request itself, its images first. `before` are the turns that led to it, if any: the
    user's and the assistant's by turns, the user's first; in each the images come first.
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
    before: tuple[Message, ...] = ()

    @property
    def all_images(self) -> tuple[Path, ...]:
        """Every image of the chat in reading order."""
        return (*(image for message in self.before for image in message.images), *self.images)


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
class JudgedStep:
    """One step of reasoning, as it was written. One that cites no section and states no answer is "unread": no error.

    `error` is the kind of a wrong step and `why` says what would be right; `section` is the id of the section it cites.
    """

    text: str
    verdict: Verdict
    error: ReasoningError | None = None
    why: str = ""
    section: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Reasoning held against the policy and the image. `score` in [0, 10]; 10 means that no step is wrong."""

    score: float
    steps: tuple[JudgedStep, ...]

    @property
    def first_wrong(self) -> int | None:
        """Where in `steps` the first wrong one is."""
        return next((number for number, step in enumerate(self.steps) if step.verdict == "wrong"), None)

    @property
    def error(self) -> ReasoningError | None:
        """The kind of the first wrong step."""
        return None if self.first_wrong is None else self.steps[self.first_wrong].error

    @property
    def cited(self) -> tuple[str, ...]:
        """The ids of the sections cited, in order, also of those that the policy does not have."""
        return tuple(step.section for step in self.steps if step.section is not None)


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
