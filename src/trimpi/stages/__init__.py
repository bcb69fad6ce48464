"""The training stages: each turns a model folder into a model folder."""

import time
from dataclasses import replace

from trimpi.recipe import RlConfig, StageConfig
from trimpi.stages.context import StageContext, StageResult

__all__ = ["StageContext", "StageResult", "run_stage"]


def run_stage(config: StageConfig, context: StageContext) -> StageResult:
    """Train one stage from `context.model_path`; `context.output_dir` is then a model folder `from_pretrained` loads.

    Killed at any point and called again, it goes on from the last complete checkpoint in `output_dir/checkpoints` and
    ends in the same weights, `metrics.jsonl` (but for its `seconds`) and (rl) `rollouts.jsonl`. Every process of a
    distributed launch calls it.
    """
    context.output_dir.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    result = _run(config, context)
    return replace(result, preparation_seconds=time.perf_counter() - start - result.seconds)


def _run(config: StageConfig, context: StageContext) -> StageResult:
    # Imported late: torch and the trainers take seconds, and a recipe that is refused should not wait for them.
    if isinstance(config, RlConfig):
        from trimpi.stages.rl.stage import run_rl

        return run_rl(config, context)
    from trimpi.stages.supervised.stage import run_supervised

    return run_supervised(config, context)
