"""A task small enough to train in seconds: two policies, one image per request, the answer is the image's color."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import tiny_models
from trimpi.models import save_model
from trimpi.policies import Policy
from trimpi.rewards.exact_match import score_exact_match
from trimpi.tasks.base import Task
from trimpi.types import Completion, Example, Score, Split

COLORS = ("red", "blue", "green", "gray")


class ColorTask(Task):
    """`examples` requests of the train split, and two of the test split."""

    def __init__(self, folder: Path, *, examples: int = 6) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        images = {color: tiny_models.write_image(folder / f"{color}.png", color=color) for color in COLORS}
        self._policies = {name: Policy(name=name, sections=(f"# {name}\nName the color.",)) for name in ("Ako", "Bim")}
        self._examples = {
            "train": [self._example(f"train-{number}", number, images) for number in range(examples)],
            "test": [self._example(f"test-{number}", number, images) for number in range(2)],
        }

    def _example(self, name: str, number: int, images: Mapping[str, Path]) -> Example:
        color = COLORS[number % len(COLORS)]
        policy = ("Ako", "Bim")[number % 2]
        prompt = f"Under {policy}, what now?"
        return Example(
            id=name, policy_name=policy, prompt=prompt, images=(images[color],), answer=color, cot=f"It is {color}."
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

    def wrong_answer(self, example: Example) -> str:
        return next(color for color in COLORS if color != example.answer)


class LetterTask(ColorTask):
    """Scores how much of a completion is lower-case letters, so that random models get rewards that differ."""

    def score(self, example: Example, completion: Completion) -> Score:
        share = sum(character.islower() for character in completion.text) / max(len(completion.text), 1)
        return Score(value=share, extracted=None, outcome="wrong", reason="share of lower-case letters")


def save_tiny_model(folder: Path, *, family: str = "qwen2_5_vl", seed: int = 0) -> Path:
    """A random model with its processor on disk."""
    model, processor = tiny_models.tiny_model(family, seed=seed)
    save_model(model, processor, folder)
    return folder
