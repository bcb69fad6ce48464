"""A task of two policies with colored squares, and a renderer and sampler that need no model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from trimpi.policies import Policy
from trimpi.rewards.exact_match import score_exact_match
from trimpi.tasks.base import Task
from trimpi.types import Completion, Example, Score, Split

RIGHT = Completion(text="<think>seen</think>\\boxed{Case 1}", token_ids=(1, 2))
WRONG = Completion(text="<think>seen</think>\\boxed{Case 9}", token_ids=(1, 2))
NO_ANSWER = Completion(text="I cannot say.", token_ids=(1, 2))
TRUNCATED = Completion(text="<think>still thinking", token_ids=(1, 2), truncated=True)


class SquareTask(Task):
    """Four test requests, in turns under the policies A and B; the gold answers are Case 1, Case 1, Case 1, Case 2."""

    def __init__(self, folder: Path) -> None:
        self._policies = {name: Policy(name=name, sections=(f"# {name}\nAlways say Case 1.",)) for name in ("A", "B")}
        self._examples = [self._example(folder, position) for position in range(4)]

    def _example(self, folder: Path, position: int) -> Example:
        image = folder / f"{position}.png"
        Image.new("RGB", (8, 8), (position, 0, 0)).save(image)
        return Example(
            id=f"test-{position}",
            policy_name="AB"[position % 2],
            prompt="What does the policy say?",
            images=(image,),
            answer="Case 2" if position == 3 else "Case 1",
        )

    @property
    def policies(self) -> Mapping[str, Policy]:
        return self._policies

    def examples(self, split: Split) -> Sequence[Example]:
        return self._examples if split == "test" else []

    def score(self, example: Example, completion: Completion) -> Score:
        return score_exact_match(completion, example.answer)

    def override(self) -> Task:
        return self

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

    def prompt(self, example: Example, policy: Policy | None = None, **others: Any) -> TextPrompt:
        text = f"{policy.text}\n{example.prompt}" if policy else example.prompt
        return TextPrompt(text=text, images=example.images, policy_aware=policy is not None)

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
