"""What the policy costs in the prompt: tokens and prefill time with and without it, measured (paper, Efficiency)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import torch

from trimpi.errors import DataError
from trimpi.evaluation.results import EFFICIENCY_FILE
from trimpi.evaluation.storage import read_json, write_atomically
from trimpi.tasks.base import Task

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from trimpi.rendering.prompts import Prompt
    from trimpi.rendering.renderer import Renderer


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptCost:
    """The cost of one kind of prompt at batch size 1: tokens per prompt, and seconds until the first token's logits."""

    mean_tokens: float
    max_tokens: int
    prefill_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficiencyResult:
    """Prompt costs with and without the policy, over the same requests; what is saved, as shares of the former."""

    model: str
    device: str
    dtype: str
    threads: int
    examples: int
    repeats: int
    policy_free: PromptCost
    policy_aware: PromptCost
    tokens_saved: float
    prefill_saved: float


def measure_efficiency(
    task: Task,
    model: PreTrainedModel,
    renderer: Renderer,
    *,
    model_name: str,
    out_dir: Path,
    examples: int = 8,
    repeats: int = 5,
    warmup: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> EfficiencyResult:
    """Time the forward pass over the prompts of the first `examples` test requests; write `out_dir/efficiency.json`.

    Per request: `warmup` unmeasured passes, then the median of `repeats`; over requests: the mean. Vision encoder and
    cache filling included, preprocessing not. A result of the same model and settings is read back, not measured again.
    """
    chosen = list(islice(task.examples("test"), examples))
    if not chosen or repeats < 1:
        raise DataError(f"nothing to measure: {len(chosen)} test examples, {repeats} repeats; both must be at least 1")
    path = out_dir / EFFICIENCY_FILE
    finished = _finished(path, model_name, len(chosen), repeats)
    if finished is not None:
        return finished
    free = [renderer.prompt(example, None) for example in chosen]
    aware = [renderer.prompt(example, task.policy_of(example)) for example in chosen]
    seconds: dict[bool, list[float]] = {False: [], True: []}
    # Taking turns: a slow spell of the machine then hits both kinds of prompt alike.
    for pair in zip(free, aware, strict=True):
        for prompt in pair:
            seconds[prompt.policy_aware].append(
                prefill_seconds(model, renderer, prompt, repeats=repeats, warmup=warmup, clock=clock)
            )
    without, with_policy = (
        _cost(renderer, prompts, timings) for prompts, timings in ((free, seconds[False]), (aware, seconds[True]))
    )
    result = EfficiencyResult(
        model=model_name,
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        examples=len(chosen),
        repeats=repeats,
        policy_free=without,
        policy_aware=with_policy,
        tokens_saved=1 - without.mean_tokens / with_policy.mean_tokens,
        prefill_saved=1 - without.prefill_seconds / with_policy.prefill_seconds,
    )
    write_atomically(path, json.dumps(asdict(result), indent=2) + "\n")
    return result


@torch.inference_mode()
def prefill_seconds(
    model: PreTrainedModel,
    renderer: Renderer,
    prompt: Prompt,
    *,
    repeats: int,
    warmup: int,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """The median time of one forward pass over one prompt, batch size 1, as generation does it: last logits only."""
    inputs = renderer.encode_prompts([prompt]).to(model.device)
    was_training = model.training
    model.eval()
    timings = []
    for _ in range(warmup + repeats):
        _synchronise(model.device)
        start = clock()
        model(**inputs, use_cache=True, logits_to_keep=1)
        _synchronise(model.device)
        timings.append(clock() - start)
    model.train(was_training)
    return median(timings[warmup:])


def _synchronise(device: Any) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def _cost(renderer: Renderer, prompts: Sequence[Prompt], seconds: Sequence[float]) -> PromptCost:
    lengths = [len(renderer.prompt_ids(prompt)) for prompt in prompts]
    return PromptCost(mean_tokens=fmean(lengths), max_tokens=max(lengths), prefill_seconds=fmean(seconds))


def _finished(path: Path, model_name: str, examples: int, repeats: int) -> EfficiencyResult | None:
    if not path.is_file():
        return None
    data = read_json(path)
    if (data.get("model"), data.get("examples"), data.get("repeats")) != (model_name, examples, repeats):
        return None
    costs = {key: PromptCost(**data[key]) for key in ("policy_free", "policy_aware")}
    return EfficiencyResult(**{**data, **costs})
