"""Where a stage's chains of thought come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import PreTrainedModel

from trimpi.cot.generate import (
    counts_of,
    endpoint_generator,
    model_generator,
    refuse_none,
    sample_cots,
    usage_of_generator,
)
from trimpi.cot.gold import gold_cots
from trimpi.cot.sampled import SampledCots, merge_cots
from trimpi.cot.store import COT_FILE, CotFiles, CotRecord, load_cots, save_cots
from trimpi.models import load_model
from trimpi.recipe import CotTrainingConfig, EndpointConfig, SupervisedConfig
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.endpoint import Usage
from trimpi.sampling.local_engines import local_sampler
from trimpi.stages.context import StageContext
from trimpi.stages.json_lines import write_json
from trimpi.types import Example


def stage_cots(
    config: SupervisedConfig,
    context: StageContext,
    examples: Sequence[Example],
    model: PreTrainedModel,
    renderer: Renderer,
) -> list[CotRecord] | None:
    """The chains of thought a stage learns; None for a stage that learns answers only.

    Forward and reverse ones are sampled once, from a model of the run or an endpoint, and kept in the stage's folder
    with what became of the others.
    """
    if not isinstance(config, CotTrainingConfig):
        return None
    if config.cot == "gold":
        return gold_cots(examples)
    sampling = config.cot_sampling
    if sampling is None:
        return load_cots(Path(config.cot), context.task.examples("train"))
    files = CotFiles(context.output_dir / COT_FILE)
    if not files.path.exists():
        if isinstance(sampling.generator, EndpointConfig):
            _ask(config, context, examples, sampling.generator, renderer, files)
        else:
            _sample(config, context, examples, model, renderer, files)
    PartialState().wait_for_everyone()
    return load_cots(files.path, examples)


def _ask(
    config: CotTrainingConfig,
    context: StageContext,
    examples: Sequence[Example],
    endpoint: EndpointConfig,
    renderer: Renderer,
    files: CotFiles,
) -> None:
    """The first process asks the endpoint for all of them; the others wait."""
    if not PartialState().is_main_process:
        return
    generator = endpoint_generator(endpoint, renderer, answers=files.answers)
    cots = sample_cots(config, context.task, examples, generator, seed=context.seed, progress=context.progress)
    refuse_none(config, cots)
    write_sampled(cots, files, usage_of_generator(generator))


def _sample(
    config: CotTrainingConfig,
    context: StageContext,
    examples: Sequence[Example],
    model: PreTrainedModel,
    renderer: Renderer,
    files: CotFiles,
) -> None:
    """Every process samples its share; the first one writes them all."""
    processes = PartialState()
    batch_size = config.cot_sampling.batch_size if config.cot_sampling else 1
    if (path := context.earlier_models.get(config.reads)) is not None:
        model = load_model(path, dtype=context.model.dtype, attn=context.model.attention)
    sampler = local_sampler(model, renderer, batch_size=batch_size, engine=context.engine)
    share = examples[processes.process_index :: processes.num_processes]
    seed = context.seed + processes.process_index
    generator = model_generator(sampler, renderer)
    parts: list[SampledCots] = gather_object(
        [sample_cots(config, context.task, share, generator, seed=seed, progress=context.progress)]
    )
    cots = merge_cots(parts)
    refuse_none(config, cots)
    if processes.is_main_process:
        write_sampled(cots, files)


def write_sampled(cots: SampledCots, files: CotFiles, usage: Usage | None = None) -> None:
    """The counts, then the chains of thought: that they are there says that all is done."""
    write_json(files.counts, counts_of(cots, usage))
    save_cots(cots.records, files.path)
