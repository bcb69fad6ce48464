"""A task of two policies with colored squares, and a renderer and sampler that need no model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from trimpi.policies import Policy
from trimpi.rewards.exact_match import score_exact_match
from trimpi.tasks.base import Task
from trimpi.types import Completion, Example, Judgement, Score, Split

RIGHT = Completion(text="<think>seen</think>\\boxed{Case 1}", token_ids=(1, 2))
WRONG = Completion(text="<think>seen</think>\\boxed{Case 9}", token_ids=(1, 2))
NO_ANSWER = Completion(text="I cannot say.", token_ids=(1, 2))
TRUNCATED = Completion(text="<think>still thinking", token_ids=(1, 2), truncated=True)


ANSWERS = ("Case 1", "Case 1", "Case 1", "Case 2")


class SquareTask(Task):
    """Four test requests, in turns under two policies, A and B unless named otherwise.

    `rule` is what the policies say. `edited` are its edits, `fresh` its unseen policies; requests can do without a name
    where there are any. Every `judgements` entry is a judgement by the completion's text. It has two training requests
    under each policy, unless `trained` is False.
    """

    def __init__(
        self,
        folder: Path,
        *,
        answers: Sequence[str] = ANSWERS,
        names: Sequence[str] = ("A", "B"),
        rule: str = "Always say Case 1.",
        edited: Mapping[str, Task] | None = None,
        fresh: Task | None = None,
        judgements: Mapping[str, Judgement] | None = None,
        recited: Sequence[Example] = (),
        trained: bool = True,
    ) -> None:
        self._names, self._answers = names, answers
        self._policies = {name: Policy(name=name, sections=(f"# {name}\n{rule}",)) for name in names}
        self._edited, self._fresh, self._judgements, self._recited = edited, fresh, judgements, recited
        self._examples = {
            "test": [self._example(folder, "test", position) for position in range(4)],
            "train": [self._example(folder, "train", position) for position in range(4)] if trained else [],
        }

    def _example(self, folder: Path, split: str, position: int) -> Example:
        image = folder / f"{position}.png"
        Image.new("RGB", (8, 8), (position, 0, 0)).save(image)
        return Example(
            id=f"{split}-{position}",
            policy_name=self._names[position % 2],
            prompt="What does the policy say?",
            images=(image,),
            answer=self._answers[position],
            cot="gold",
        )

    @property
    def policies(self) -> Mapping[str, Policy]:
        return self._policies

    def examples(self, split: Split) -> Sequence[Example]:
        return self._examples[split]

    def score(self, example: Example, completion: Completion) -> Score:
        return score_exact_match(completion, example.answer)

    def override(self) -> Task:
        return self

    def edits(self) -> Mapping[str, Task]:
        return super().edits() if self._edited is None else self._edited

    def unseen(self) -> Task | None:
        return self._fresh

    def unnamed(self, example: Example) -> Example | None:
        return replace(example, prompt="What is it?")

    def judge(self, example: Example, completion: Completion) -> Judgement | None:
        return None if self._judgements is None else self._judgements.get(completion.text)

    def section_ids(self, policy_name: str) -> Sequence[str]:
        return ("1", "1.1", "1.2")

    def recitations(self) -> Sequence[Example]:
        return self._recited

    def wrong_answer(self, example: Example) -> str:
        return "Case 9"


@dataclass(frozen=True)
class TextPrompt:
    """A prompt as far as the suites look into it."""

    text: str
    images: tuple[Path, ...]
    policy_aware: bool


class WordRenderer:
    """Every word a token, every image three."""

    def prompt(
        self,
        example: Example,
        policy: Policy | None = None,
        *,
        shots: Sequence[tuple[Example, str]] = (),
        instruction: str | None = None,
    ) -> TextPrompt:
        solved = [f"{shot.prompt} {response}" for shot, response in shots]
        parts = [instruction, policy.text if policy else None, *solved, example.prompt]
        images = [image for shot in (*(shot for shot, _ in shots), example) for image in shot.images]
        text = "\n".join(part for part in parts if part)
        return TextPrompt(text=text, images=tuple(images), policy_aware=policy is not None)

    def text(self, prompt: TextPrompt) -> str:
        return prompt.text

    def prompt_ids(self, prompt: TextPrompt) -> list[int]:
        return [1] * (len(prompt.text.split()) + 3 * len(prompt.images))


class RecordingSampler:
    """Gives the completions it was made with, in order, and keeps what it was asked; a call may be interrupted."""

    def __init__(self, completions: Sequence[Completion], *, interrupted_at: int | None = None) -> None:
        self.completions = completions
        self.interrupted_at = interrupted_at
        self.calls: list[dict[str, Any]] = []

    def sample(self, prompts: Sequence[TextPrompt], **settings: Any) -> list[list[Completion]]:
        if len(self.calls) == self.interrupted_at:
            raise KeyboardInterrupt
        self.calls.append({"prompts": list(prompts), **settings})
        return [[completion] for completion in self.completions[: len(prompts)]]


def ticking_clock(step: float) -> Callable[[], float]:
    """A clock that moves on by `step` seconds every time it is read."""
    now = 0.0

    def read() -> float:
        nonlocal now
        now += step
        return now

    return read


def said(answer: str, reasoning: str = "seen") -> Completion:
    """A completion of the response format."""
    return Completion(text=f"<think>{reasoning}</think>\\boxed{{{answer}}}", token_ids=(1, 2))
