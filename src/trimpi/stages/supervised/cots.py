"""Where a stage's chains of thought come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import PreTrainedModel

from trimpi.cot.forward import ForwardCots, forward_cots
from trimpi.cot.gold import gold_cots
from trimpi.cot.store import CotRecord, load_cots, save_cots
from trimpi.errors import DataError
from trimpi.recipe import CotTrainingConfig, SupervisedConfig
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.local_engines import local_sampler
from trimpi.stages.context import StageContext
from trimpi.stages.json_lines import write_json
from trimpi.types import Example

COT_FILE = "cot.jsonl"
COT_COUNTS_FILE = "cot_counts.json"


def stage_cots(
    config: SupervisedConfig,
    context: StageContext,
    examples: Sequence[Example],
    model: PreTrainedModel,
    renderer: Renderer,
) -> list[CotRecord] | None:
    """The chains of thought a stage learns; None for a stage that learns answers only.

    Forward ones are sampled once, from the stage's input model, and kept in the stage's folder with what was dropped.
    """
    if not isinstance(config, CotTrainingConfig):
        return None
    if config.cot == "gold":
        return gold_cots(examples)
    if config.cot != "forward":
        return load_cots(Path(config.cot), context.task.examples("train"))
    path = context.output_dir / COT_FILE
    if not path.exists():
        _sample(config, context, examples, model, renderer)
    PartialState().wait_for_everyone()
    return load_cots(path, examples)


def _sample(
    config: CotTrainingConfig,
    context: StageContext,
    examples: Sequence[Example],
    model: PreTrainedModel,
    renderer: Renderer,
) -> None:
    """Every process samples its share; the first one writes them all, the file that says it is done last."""
    processes = PartialState()
    sampler = local_sampler(model, renderer, batch_size=config.forward_cot.batch_size, engine=context.engine)
    share = examples[processes.process_index :: processes.num_processes]
    seed = context.seed + processes.process_index
    sampled: list[ForwardCots] = gather_object(
        [forward_cots(context.task, share, sampler, renderer, config.forward_cot, seed=seed, progress=context.progress)]
    )
    records = [record for part in sampled for record in part.records]
    if not records:
        raise DataError(
            f"no forward chain of thought of {len(examples)} examples was right: the model does not follow the "
            "policy in its prompt; use cot: gold, or more forward_cot.samples"
        )
    if processes.is_main_process:
        dropped = sum(part.dropped for part in sampled)
        outcomes = {
            key: sum(part.outcomes.get(key, 0) for part in sampled) for part in sampled for key in part.outcomes
        }
        write_json(
            context.output_dir / COT_COUNTS_FILE, {"examples": len(examples), "dropped": dropped, "outcomes": outcomes}
        )
        save_cots(records, context.output_dir / COT_FILE)
