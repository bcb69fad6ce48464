"""What is measured: a model, its prompts, and the policies and requests they are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from transformers import PreTrainedModel

from trimpi.errors import RunError
from trimpi.models import load_model, load_processor
from trimpi.policies import Policy
from trimpi.recipe import ClevrTaskConfig
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.tasks.base import Task
from trimpi.tasks.registry import build_task
from trimpi.types import Completion, Example, Score, Split

DEEPEST = 6
"""Layers of the longest ClevrPolicy."""
TRAINING_REQUESTS = 16
TEST_REQUESTS = 8

TaskOf = Callable[[int, int], Task]
"""(layers, policies) -> a task with that many policies of that depth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model by name, and where the tasks it is measured on come from."""

    model: str
    task_of: TaskOf

    def load(self) -> PreTrainedModel:
        """The model anew: nothing that one contestant does to it reaches another."""
        return load_model(self.model)

    def renderer(self) -> Renderer:
        """A renderer anew; training makes its processor pad on the left."""
        return Renderer(load_processor(self.model))


def clevr_tasks(cache_dir: Path) -> TaskOf:
    """ClevrPolicy-T with a few requests to each policy; scenes are rendered once."""

    def task_of(layers: int, policies: int) -> Task:
        config = ClevrTaskConfig(
            layers=layers,
            policies=policies,
            train_examples_per_policy=TRAINING_REQUESTS,
            test_examples_per_policy=TEST_REQUESTS,
        )
        return build_task(config, seed=0, cache_dir=cache_dir)

    return task_of


def requests(task: Task, count: int, *, split: Split = "train") -> list[Example]:
    """`count` requests to the task's first policy. Raises RunError when there are fewer."""
    first = next(iter(task.policies))
    own = [example for example in task.examples(split) if example.policy_name == first]
    if len(own) < count:
        raise RunError(f"{count} {split} requests to one policy are wanted and the task has {len(own)}: ask for fewer")
    return own[:count]


def policy_of_length(renderer: Renderer, policy: Policy, tokens: int) -> Policy:
    """About `tokens` tokens of the policy's text, as often as it takes."""
    ids = renderer.tokenizer(policy.text, add_special_tokens=False)["input_ids"]
    repeats = -(-tokens // len(ids))
    text = renderer.tokenizer.decode((ids * repeats)[:tokens], clean_up_tokenization_spaces=False)
    return Policy(name=policy.name, sections=(text,))


class TaskUnderLength(Task):
    """A task's first policy cut or repeated to a length; requests and scores are as they were."""

    def __init__(self, task: Task, renderer: Renderer, tokens: int) -> None:
        self._task = task
        self._policy = policy_of_length(renderer, next(iter(task.policies.values())), tokens)

    @property
    def policies(self) -> Mapping[str, Policy]:
        return {self._policy.name: self._policy}

    def examples(self, split: Split) -> Sequence[Example]:
        return [example for example in self._task.examples(split) if example.policy_name == self._policy.name]

    def score(self, example: Example, completion: Completion) -> Score:
        return self._task.score(example, completion)

    def override(self) -> Task:
        return self._task.override()

    def wrong_answer(self, example: Example) -> str:
        return self._task.wrong_answer(example)


def policy_tokens(renderer: Renderer, examples: Sequence[Example], policy: Policy) -> int:
    """Tokens a policy adds to a prompt, on average over requests."""
    with_policy, without = (
        fmean(len(renderer.prompt_ids(renderer.prompt(example, given))) for example in examples)
        for given in (policy, None)
    )
    return round(with_policy - without)


def endless(renderer: Renderer) -> list[int]:
    """Let no sampler end a turn, so that every contestant writes all its tokens; returns the tokens never sampled.

    Our samplers leave out a renderer's visual tokens; those that end a response join them.
    """
    ends = {renderer.end_of_turn_id, renderer.pad_token_id, renderer.tokenizer.eos_token_id}
    renderer.visual_token_ids |= ends - {None}
    return sorted(renderer.visual_token_ids)


def check_written(written: Sequence[Sequence[int]], *, rows: int, tokens: int) -> None:
    """Raises RunError unless every one of `rows` completions has `tokens` tokens: contestants must do the same work."""
    lengths = sorted({len(ids) for ids in written})
    if len(written) != rows or lengths != [tokens]:
        raise RunError(
            f"{len(written)} completions of {lengths} tokens were written where {rows} of {tokens} were asked for: "
            "the model ends turns in another way, so its times would not compare"
        )


def on_device_of(model: PreTrainedModel) -> torch.device:
    """Where the model computes."""
    return torch.device(model.device)


def repeated(prompts: Sequence[Prompt], times: int) -> list[Prompt]:
    """Every prompt `times` times in a row, as TRL lays out groups."""
    return [prompt for prompt in prompts for _ in range(times)]
