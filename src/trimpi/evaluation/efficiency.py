"""What the policy costs in the prompt, measured: tokens, prefill, decoding, throughput, and whether it still matters
where requests are long (paper, Efficiency)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from trimpi.evaluation.efficiency_measurement import Progress, measure_ways
from trimpi.evaluation.efficiency_result import (
    EfficiencyResult,
    load_efficiency,
    no_longer_matters,
    shares_saved,
)
from trimpi.evaluation.results import EFFICIENCY_FILE
from trimpi.evaluation.storage import read_json, write_atomically
from trimpi.evaluation.timed_answers import timed_answers
from trimpi.evaluation.timing import Clock
from trimpi.recipe import EfficiencyConfig, Engine
from trimpi.tasks.base import Task

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from trimpi.rendering.renderer import Renderer


def measure_efficiency(
    task: Task,
    model: PreTrainedModel,
    renderer: Renderer,
    *,
    model_name: str,
    out_dir: Path,
    settings: EfficiencyConfig,
    model_key: str = "",
    engine: Engine = "prefix",
    progress: Progress | None = None,
    clock: Clock = time.perf_counter,
) -> EfficiencyResult:
    """Answer test requests policy-free, policy-aware, and policy-aware with the policy kept; write `efficiency.json`.

    All ways are the same engine's and take turns, so that a slow spell of the machine hits them alike. Of every request
    and way: one unmeasured run, then the median of `settings.repeats`; the prefill apart from whole answers, and up to
    five times as often; over requests: the mean. Shares saved are compared within a round, with an interval that tells
    a saving from noise. The vision tower is included, preprocessing is not. A result of the same model and settings is
    read back, not measured again. Raises DataError when there are no test requests.
    """
    path = out_dir / EFFICIENCY_FILE
    asked = {**settings.model_dump(), "engine": engine}
    finished = _finished(path, model_name, model_key, asked)
    if finished is not None:
        return finished
    was_training = model.training
    model.eval()
    try:
        answers = timed_answers(model, renderer, engine=engine, clock=clock)
        context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        measured = measure_ways(task, renderer, answers, settings, context=context, progress=progress)
    finally:
        model.train(was_training)
    costs: dict[str, Any] = dict(measured.costs)
    result = EfficiencyResult(
        model=model_name,
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        engine=answers.engine,
        settings=asked,
        examples=measured.examples,
        repeats=settings.repeats,
        new_tokens=settings.new_tokens,
        batch=measured.batch,
        **costs,
        no_cache=measured.no_cache,
        prefill_repeats=measured.prefill_repeats,
        **shares_saved(costs, measured.savings),
        query_lengths=measured.points,
        no_longer_matters=no_longer_matters(measured.points),
        left_out=measured.left_out,
        model_key=model_key,
    )
    write_atomically(path, result.to_json())
    return result


def _finished(path: Path, model_name: str, model_key: str, asked: Mapping[str, object]) -> EfficiencyResult | None:
    if not path.is_file():
        return None
    data = read_json(path)
    recorded = data.get("model"), data.get("model_key", ""), data.get("settings")
    return load_efficiency(path) if recorded == (model_name, model_key, asked) else None
